//! A Redis of the example's own: on a free port, in a directory that goes with it.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

pub struct Server {
    port: u16,
    room: tempfile::TempDir,
    child: Option<Child>,
}

impl Server {
    pub fn start() -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut server = Self { port, room: tempfile::tempdir()?, child: None };
        server.restart()?;
        Ok(server)
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// As `kill -9` does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // One that has ended already is as good as killed.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// On the same port, with what it had written down.
    pub fn restart(&mut self) -> Result<()> {
        self.kill();
        let child = start(self.port, self.room.path());
        self.child = Some(child.context("redis-server is missing; tests/run.sh installs it")?);
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        ensure!(false, "Redis does not start on port {}", self.port);
        Ok(())
    }
}

fn start(port: u16, room: &Path) -> std::io::Result<Child> {
    let mut server = Command::new("redis-server");
    server.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"]);
    server.arg("--dir").arg(room).stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null()).spawn()
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
