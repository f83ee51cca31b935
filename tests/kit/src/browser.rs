//! A real browser without a window, told what to do by WebDriver.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::process::Process;
use crate::wait::{free_port, until};

/// The driver that is started, and with it the browser.
const DRIVER: &str = "chromedriver";
/// Longer than a page here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);
/// What a reference to an element is called in WebDriver.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one page. It ends with the test, with all that it started.
#[derive(Debug)]
pub struct Browser {
    port: u16,
    session: String,
    _driver: Process,
    _folder: tempfile::TempDir,
}

/// What a key of the keyboard is called in WebDriver.
pub mod keys {
    #![allow(missing_docs, reason = "they are named as on keyboards")]
    pub const TAB: &str = "\u{e004}";
    pub const ENTER: &str = "\u{e007}";
    pub const ESCAPE: &str = "\u{e00c}";
}

impl Browser {
    /// Starts it, with a page of this width and height. It reaches this machine and nothing else.
    pub fn start(width: u32, height: u32) -> Browser {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let port = free_port();
        // What both of them leave behind lies in the folder, and goes with it.
        let room = format!("TMPDIR={}", folder.path().display());
        let command = [room, DRIVER.to_owned(), format!("--port={port}")];
        let mut driver = Process::start(Path::new("env"), &command, folder.path());
        let is_up = || {
            assert!(!driver.ended(), "{DRIVER} could not be started: tests/run.sh installs it");
            request(port, "GET", "/status", None).is_some_and(|told| told["value"]["ready"] == true)
        };
        until("the driver of the browser is ready", PATIENCE, is_up);
        let profile = folder.path().join("profile");
        let arguments = [
            "--headless=new",
            // Its pipe ends with the driver, and the browser with its pipe.
            "--remote-debugging-pipe",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            // Nothing is clicked at while it moves.
            "--force-prefers-reduced-motion",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            &format!("--window-size={width},{height}"),
            &format!("--user-data-dir={}", profile.display()),
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            // A dialog that a page opens stays open, and fails what comes next: nobody overlooks it.
            "unhandledPromptBehavior": "ignore",
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            "goog:chromeOptions": { "args": arguments },
        } } });
        let started = request(port, "POST", "/session", Some(&wanted)).expect("the driver answers");
        let session = started["value"]["sessionId"].as_str();
        let session = session.unwrap_or_else(|| panic!("the browser could not be started: {started}")).to_owned();
        Browser { port, session, _driver: driver, _folder: folder }
    }

    fn tell(&self, method: &str, command: &str, body: &Value) -> Result<Value, Value> {
        let path = format!("/session/{}{command}", self.session);
        let body = (method == "POST").then_some(body);
        let mut told = request(self.port, method, &path, body).expect("the driver of the browser answers");
        let value = told["value"].take();
        if value.get("error").is_some() { Err(value) } else { Ok(value) }
    }

    fn post(&self, command: &str, body: &Value) -> Value {
        self.tell("POST", command, body).unwrap_or_else(|error| panic!("{command} {body}: {error}"))
    }

    /// Opens this address.
    pub fn open(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// What this code returns: the body of a function, run in the page.
    pub fn run(&self, code: &str) -> Value {
        self.run_with(code, &[])
    }

    /// The same with arguments: `arguments[0]` and so on.
    pub fn run_with(&self, code: &str, arguments: &[Value]) -> Value {
        self.post("/execute/sync", &json!({ "script": code, "args": arguments }))
    }

    /// What this code resolves to: the body of an asynchronous function.
    pub fn run_async(&self, code: &str) -> Value {
        let code = format!(
            "const [done] = arguments; const failed = (error) => done({{ thrown: String(error) }}); \
             (async () => {{ {code} }})().then(done, failed);"
        );
        self.post("/execute/async", &json!({ "script": code, "args": [] }))
    }

    /// Waits until this expression is true in the page.
    pub fn until(&self, expression: &str) {
        until(expression, PATIENCE, || self.run(&format!("return Boolean({expression});")) == true);
    }

    /// The text of the first element for which this selector stands, as it is shown.
    pub fn text(&self, selector: &str) -> String {
        let code = "const found = document.querySelector(arguments[0]); return found && found.innerText;";
        match self.run_with(code, &[selector.into()]) {
            Value::String(text) => text,
            _ => panic!("the page has no {selector}"),
        }
    }

    /// Clicks it as a hand does, in the middle of the window: it has to be seen, and nothing may lie above it.
    pub fn click(&self, selector: &str) {
        self.run_with("document.querySelector(arguments[0])?.scrollIntoView({ block: 'center' });", &[selector.into()]);
        let found = self.post("/element", &json!({ "using": "css selector", "value": selector }));
        let element = found[ELEMENT].as_str().unwrap_or_else(|| panic!("no element: {found}"));
        self.post(&format!("/element/{element}/click"), &json!({}));
    }

    /// Types this into what has the focus, key by key.
    pub fn keys(&self, text: &str) {
        let strokes: Vec<Value> = text
            .chars()
            .flat_map(|key| [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })])
            .collect();
        self.post("/actions", &json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": strokes }] }));
    }

    /// A tab with Shift held: to what comes before.
    pub fn back_tab(&self) {
        let (shift, tab) = ("\u{e008}", keys::TAB);
        let stroke = |kind: &str, key: &str| json!({ "type": kind, "value": key });
        let strokes = [stroke("keyDown", shift), stroke("keyDown", tab), stroke("keyUp", tab), stroke("keyUp", shift)];
        self.post("/actions", &json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": strokes }] }));
    }

    /// Puts this text into a field in place of what is there, and tells the page as typing does.
    pub fn fill(&self, selector: &str, text: &str) {
        let code = "const field = document.querySelector(arguments[0]); field.value = arguments[1]; \
                    for (const kind of ['input', 'change']) field.dispatchEvent(new Event(kind, { bubbles: true }));";
        self.run_with(code, &[selector.into(), text.into()]);
    }

    /// A command of the DevTools protocol.
    pub fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// The page gets this width and height; `phone` also fingers in place of a mouse.
    pub fn resize(&self, width: u32, height: u32, phone: bool) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone });
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// What the page is told that the system prefers: `light` or `dark`.
    pub fn prefer(&self, scheme: &str) {
        let feature = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", &feature);
    }

    /// A picture of what is in sight, as PNG in Base64.
    pub fn picture(&self) -> String {
        let taken = self.tell("GET", "/screenshot", &Value::Null).unwrap_or_else(|error| panic!("{error}"));
        taken.as_str().unwrap_or_default().to_owned()
    }

    /// The text of a dialog that the page has opened (`alert`), if there is one.
    pub fn alert(&self) -> Option<String> {
        self.tell("GET", "/alert/text", &Value::Null).ok()?.as_str().map(ToOwned::to_owned)
    }

    /// What has come since in this log: `browser` (console, errors, what a policy refused) or `performance` (the
    /// network).
    pub fn log(&self, kind: &str) -> Vec<Value> {
        self.post("/se/log", &json!({ "type": kind })).as_array().cloned().unwrap_or_default()
    }

    /// The addresses that were asked for since this was asked last, whatever became of them.
    pub fn asked(&self) -> Vec<String> {
        let messages = self.log("performance");
        let address = |entry: &Value| {
            let message: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let message = &message["message"];
            let is =
                message["method"] == "Network.requestWillBeSent" || message["method"] == "Network.webSocketCreated";
            let url = message["params"]["request"]["url"].as_str().or(message["params"]["url"].as_str());
            is.then(|| url.unwrap_or_default().to_owned())
        };
        messages.iter().filter_map(address).collect()
    }
}

impl Drop for Browser {
    /// The browser is told to close; what does not listen ends with the driver.
    fn drop(&mut self) {
        let _ = request(self.port, "DELETE", &format!("/session/{}", self.session), None);
    }
}

/// One request to the driver, and its answer; nothing if it is not there.
fn request(port: u16, method: &str, path: &str, body: Option<&Value>) -> Option<Value> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let body = body.map(Value::to_string).unwrap_or_default();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body.as_bytes()).ok()?;
    let mut answer = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if answer.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    answer.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}
