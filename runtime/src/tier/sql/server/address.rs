//! Where a server is and who we are there. Shown without user and password, whatever shows it.

use std::fmt;
use std::str::FromStr;

use sqlx::ConnectOptions;
#[cfg(feature = "mysql")]
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
#[cfg(feature = "postgres")]
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::dialect::Dialect;
use super::line::Line;
use crate::error::{Error, Result};

/// Parameters of a URL that the drivers know. Others they would ignore, and one of them log, values and all.
#[cfg(feature = "postgres")]
const POSTGRES: &[&str] = &[
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];
#[cfg(feature = "mysql")]
const MYSQL: &[&str] = &[
    "sslmode",
    "ssl-mode",
    "sslca",
    "ssl-ca",
    "charset",
    "collation",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "socket",
    "timezone",
    "time-zone",
];

/// A server, a database there, and the right to use it.
#[derive(Clone)]
pub(in crate::tier::sql) enum Address {
    #[cfg(feature = "postgres")]
    Postgres(Box<PgConnectOptions>),
    #[cfg(feature = "mysql")]
    MySql(Box<MySqlConnectOptions>),
}

impl Address {
    #[cfg(feature = "postgres")]
    pub(in crate::tier::sql) fn postgres(url: &str) -> Result<Self> {
        let options: PgConnectOptions = parsed(url, &["postgres://", "postgresql://"], POSTGRES)?;
        let options = match options.get_application_name() {
            None => options.application_name("cached"),
            Some(_) => options,
        };
        Ok(Self::Postgres(Box::new(options.disable_statement_logging())))
    }

    #[cfg(feature = "mysql")]
    pub(in crate::tier::sql) fn mysql(url: &str) -> Result<Self> {
        let options: MySqlConnectOptions = parsed(url, &["mysql://", "mariadb://"], MYSQL)?;
        if options.get_database().is_none_or(str::is_empty) {
            return Err(Error::config("url", "names no database: add `/` and its name after the host"));
        }
        Ok(Self::MySql(Box::new(options.disable_statement_logging())))
    }

    pub(in crate::tier::sql) const fn dialect(&self) -> Dialect {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => Dialect::Postgres,
            #[cfg(feature = "mysql")]
            Self::MySql(_) => Dialect::MySql,
        }
    }

    pub(super) async fn connect(&self) -> sqlx::Result<Line> {
        Ok(match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(options) => Line::Postgres(options.connect().await?),
            #[cfg(feature = "mysql")]
            Self::MySql(options) => Line::MySql(options.connect().await?),
        })
    }

    /// Does the URL insist on an encrypted connection?
    pub(super) fn insists_on_tls(&self) -> bool {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(options) => {
                !matches!(options.get_ssl_mode(), PgSslMode::Disable | PgSslMode::Allow | PgSslMode::Prefer)
            }
            #[cfg(feature = "mysql")]
            Self::MySql(options) => !matches!(options.get_ssl_mode(), MySqlSslMode::Disabled | MySqlSslMode::Preferred),
        }
    }
}

/// Reads a URL. Nothing of it gets into the error: what is wrong about it may be a password in the wrong place.
fn parsed<O: FromStr>(url: &str, schemes: &[&str], known: &[&str]) -> Result<O> {
    let rest = schemes.iter().find_map(|scheme| url.strip_prefix(scheme));
    let rest = rest.ok_or_else(|| Error::config("url", format!("begins with `{}`", schemes[0])))?;
    let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let path = place.split_once('/').map_or("", |(_, path)| path);
    if rest.contains('#') || place.matches('@').count() > 1 || path.contains('@') {
        return Err(Error::config("url", "write `@ / ? # : %` in a user or password as `%40 %2F %3F %23 %3A %25`"));
    }
    let names = parameters.split('&').filter(|p| !p.is_empty()).map(|p| p.split('=').next().unwrap_or(p));
    for name in names {
        let known_name = if name.starts_with("options[") { "options" } else { name };
        if !known.contains(&known_name) {
            return Err(
                Error::config("url", "has a parameter that the driver does not know").with("known", known.join(" "))
            );
        }
    }
    url.parse().map_err(|_| {
        Error::config("url", format!("is not of the form `{}user:password@host:port/database`", schemes[0]))
    })
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(o) => {
                let database = o.get_database().unwrap_or_default();
                match o.get_socket() {
                    Some(socket) => write!(f, "postgres://{}:{}/{database}", socket.display(), o.get_port()),
                    None => write!(f, "postgres://{}:{}/{database}", o.get_host(), o.get_port()),
                }
            }
            #[cfg(feature = "mysql")]
            Self::MySql(o) => {
                let database = o.get_database().unwrap_or_default();
                match o.get_socket() {
                    Some(socket) => write!(f, "mysql://{}/{database}", socket.display()),
                    None => write!(f, "mysql://{}:{}/{database}", o.get_host(), o.get_port()),
                }
            }
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
