//! What differs between MariaDB and MySQL when a database is made and served.

use std::path::{Path, PathBuf};

use crate::account::program;

/// The variable of the environment that names the folder of MySQL's programs, `mysqld` and `mysql`: they then take
/// MariaDB's place in all tests of a process.
const FOLDER: &str = "KIT_MYSQL";

/// Whose programs they are.
#[derive(Debug, Clone)]
pub(crate) enum Maker {
    MariaDb,
    MySql(PathBuf),
}

impl Maker {
    pub(crate) fn of_this_process() -> Self {
        std::env::var_os(FOLDER).map_or(Self::MariaDb, |folder| Self::MySql(folder.into()))
    }

    pub(crate) fn server(&self) -> PathBuf {
        match self {
            Self::MariaDb => mariadb("mariadbd"),
            Self::MySql(folder) => mysql("mysqld", folder),
        }
    }

    pub(crate) fn client(&self) -> PathBuf {
        match self {
            Self::MariaDb => mariadb("mariadb"),
            Self::MySql(folder) => mysql("mysql", folder),
        }
    }

    /// The program that makes a database, and what it is told.
    pub(crate) fn install(&self, data: &str) -> (PathBuf, Vec<String>) {
        let data = format!("--datadir={data}");
        // The kernel's own queues for asynchronous reads are few, and many servers share them.
        let common = ["--no-defaults", &data, "--innodb-use-native-aio=0"];
        let (program, more) = match self {
            Self::MariaDb => (
                mariadb("mariadb-install-db"),
                ["--auth-root-authentication-method=normal", "--skip-test-db"].as_slice(),
            ),
            Self::MySql(_) => (self.server(), ["--initialize-insecure"].as_slice()),
        };
        (program, common.iter().chain(more).map(ToString::to_string).collect())
    }

    /// What a server is told besides what all are told.
    pub(crate) fn settings(&self) -> &'static [&'static str] {
        match self {
            Self::MariaDb => &["--innodb-log-file-size=16M"],
            Self::MySql(_) => &[
                "--innodb-redo-log-capacity=16M",
                "--performance-schema=0",
                "--mysqlx=0",
                // Else a folder of the system has to be there.
                "--secure-file-priv=NULL",
                // What tests ask of it is not a day old.
                "--information-schema-stats-expiry=0",
            ],
        }
    }
}

fn mariadb(name: &str) -> PathBuf {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"];
    program(name, &folders.map(PathBuf::from))
}

fn mysql(name: &str, folder: &Path) -> PathBuf {
    program(name, &[folder.to_owned()])
}
