//! The connections: opened together, trusted together, given up together.
//!
//! Callers never wait for a connection to be made: while there is none they are turned away at once. They are made, and
//! looked after, by the one who follows the log.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use redis::{Client, Cmd, Pipeline, Value};
use tokio::runtime::Handle;

use super::failure::{breaks, failure};
use super::homes::Homes;
use super::line::{Fan, Ident, Line};
use super::options::RedisOptions;
use super::script::Scripts;
use super::target::unfit;
use crate::error::{Error, ErrorKind, Result};
use crate::tier::call::both;

/// A call that was given up after less than this was given up by its caller, not by a deadline.
const LATE: Duration = Duration::from_millis(20);

/// All connections to one Redis.
pub(super) struct Link {
    options: RedisOptions,
    lines: RwLock<Option<Arc<Lines>>>,
    /// May callers use them?
    admits: AtomicBool,
    late: AtomicU32,
    /// Connections of the past whose last commands must not take effect after later ones.
    former: RwLock<Vec<Ident>>,
}

/// The connections of one time.
struct Lines {
    client: Client,
    homes: Arc<Homes>,
    /// For reads from outside a runtime.
    reads: Arc<Fan>,
    writes: Line,
    /// Waits in `XREAD`: nobody else may use it.
    log: Line,
    /// Has one of them failed? Of these, not of earlier ones, whose last calls may end late.
    broken: AtomicBool,
}

/// Which of the connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    Read,
    Write,
    /// The log's own; open also while callers are turned away.
    Log,
}

impl Link {
    pub(super) fn new(options: RedisOptions) -> Self {
        Self {
            options,
            lines: RwLock::new(None),
            admits: AtomicBool::new(false),
            late: AtomicU32::new(0),
            former: RwLock::new(Vec::new()),
        }
    }

    /// Makes all connections anew, to the server that is told.
    pub(super) async fn connect_to(&self, client: impl Future<Output = Result<Client>>) -> Result<()> {
        self.admits.store(false, Ordering::Release);
        self.give_up();
        let open = async { self.open(client.await?).await };
        let opened = tokio::time::timeout(self.options.connect, open).await;
        let lines = opened.map_err(|_| Error::new(ErrorKind::Deadline, "connecting to Redis took too long"))??;
        self.late.store(0, Ordering::Release);
        *self.lines.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(lines));
        Ok(())
    }

    async fn open(&self, client: Client) -> Result<Lines> {
        let greeted = async {
            let log = Line::open(&client, &self.options).await?;
            self.greet(&log).await?;
            Ok(log)
        };
        // Side by side: over a slow network one after the other takes longer than all together may.
        let callers = both(Line::open(&client, &self.options), Fan::open(&client, &self.options));
        let (log, (writes, reads)) = both(greeted, callers).await?;
        let reads = Arc::new(reads);
        Ok(Lines { homes: Arc::new(Homes::new()), reads, writes, log, client, broken: AtomicBool::new(false) })
    }

    /// Is there a connection, as far as is known?
    pub(super) fn is_open(&self) -> bool {
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        lines.as_ref().is_some_and(|lines| !lines.broken.load(Ordering::Acquire))
    }

    /// Which start of which server this is, if we may know.
    pub(super) fn run(&self) -> Option<String> {
        Some(self.lines().ok()?.log.ident.as_ref()?.run.clone())
    }

    /// Makes sure that this is a server to write to, that what an earlier connection left unsaid stays unsaid, and that
    /// the scripts are there.
    async fn greet(&self, line: &Line) -> Result<()> {
        let run = line.ident.as_ref().map(|ident| ident.run.clone());
        let mut former = self.former.read().unwrap_or_else(PoisonError::into_inner).clone();
        former.retain(|ident| Some(&ident.run) == run.as_ref());
        let mut greeting = Pipeline::new();
        for ident in &former {
            greeting.cmd("CLIENT").arg("KILL").arg("ID").arg(ident.id);
        }
        load(&mut greeting);
        greeting.cmd("INFO").arg("replication");
        greeting.cmd("INFO").arg("memory");
        let answers = line.raw(&greeting).await?;
        let (loaded, infos) = answers
            .get(former.len()..)
            .and_then(|answers| answers.split_at_checked(Scripts::TEXTS.len()))
            .ok_or_else(|| unfit("Redis left questions unanswered"))?;
        refused(loaded)?;
        self.former.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.judge(infos)
    }

    /// Who may not ask what server this is finds out when it refuses something.
    fn judge(&self, infos: &[Value]) -> Result<()> {
        for info in infos {
            if let Err(error) = refused(std::slice::from_ref(info))
                && error.context("code") != Some("NOPERM")
            {
                return Err(error);
            }
        }
        let info = |at: usize| infos.get(at).map(text_of).unwrap_or_default();
        let (replication, memory) = (info(0), info(1));
        if field(&replication, "role").is_some_and(|role| role != "master") {
            return Err(unfit("this Redis is a replica and refuses writes; name the primary, or its sentinels")
                .with("code", "READONLY"));
        }
        if let Some(policy) = field(&memory, "maxmemory_policy").filter(|policy| policy.starts_with("allkeys-")) {
            tracing::warn!(
                redis = ?self.options.target,
                policy,
                "Redis may evict the shared log; set `maxmemory-policy` to a `volatile-*` one"
            );
        }
        Ok(())
    }

    /// Lets callers through, or turns them away.
    pub(super) fn admit(&self, admit: bool) {
        self.admits.store(admit, Ordering::Release);
        if !admit {
            self.give_up();
        }
    }

    fn give_up(&self) {
        let lines = self.lines.write().unwrap_or_else(PoisonError::into_inner).take();
        let Some(lines) = lines else { return };
        let own = [lines.writes.ident.clone(), lines.log.ident.clone()].into_iter().flatten();
        let idents = lines.reads.idents().chain(lines.homes.idents()).chain(own);
        let mut former = self.former.write().unwrap_or_else(PoisonError::into_inner);
        former.extend(idents);
        // A server that is away for long is not told of all that was tried meanwhile.
        let most = 4 * (self.options.connections + 2);
        let surplus = former.len().saturating_sub(most);
        former.drain(..surplus);
    }

    /// Are all connections alive?
    pub(super) async fn check(&self) -> Result<()> {
        let lines = self.lines()?;
        if lines.broken.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Tier, "a connection to Redis is broken").with("code", "CONNECTION"));
        }
        lines.writes.ping().await?;
        lines.reads.ping().await?;
        lines.homes.check().await;
        self.late.store(0, Ordering::Relaxed);
        Ok(())
    }

    fn lines(&self) -> Result<Arc<Lines>> {
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        lines.clone().ok_or_else(|| Error::new(ErrorKind::Open, "there is no connection to Redis now"))
    }

    fn admitted(&self, lane: Lane) -> Result<Arc<Lines>> {
        if lane != Lane::Log && !self.admits.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Open, "Redis is not used now: its log is not known"));
        }
        self.lines()
    }

    /// One command. Scripts that Redis has forgotten, as after `SCRIPT FLUSH`, are loaded and called again.
    pub(super) async fn one(&self, lane: Lane, command: &Cmd) -> Result<Value> {
        match self.one_as_is(lane, command).await {
            Err(error) if error.context("code") == Some("NOSCRIPT") => {
                self.load(lane).await?;
                self.one_as_is(lane, command).await
            }
            answer => answer,
        }
    }

    /// One command for a slot that is being moved here.
    pub(super) async fn asking(&self, lane: Lane, command: &Cmd) -> Result<Value> {
        let mut asking = Pipeline::with_capacity(2);
        asking.cmd("ASKING").add_command(command.clone());
        let mut answers = self.many(lane, &asking).await?;
        refused(&answers)?;
        answers.pop().ok_or_else(|| unfit("Redis left a question unanswered"))
    }

    /// Several commands, and what became of each; all of them again if Redis had forgotten a script. So none may do harm
    /// when it comes twice.
    pub(super) async fn many(&self, lane: Lane, commands: &Pipeline) -> Result<Vec<Value>> {
        let answers = self.many_as_is(lane, commands).await?;
        let forgotten = |answer: &Value| matches!(answer, Value::ServerError(error) if error.code() == "NOSCRIPT");
        if answers.iter().any(forgotten) {
            self.load(lane).await?;
            return self.many_as_is(lane, commands).await;
        }
        Ok(answers)
    }

    async fn load(&self, lane: Lane) -> Result<()> {
        let mut loading = Pipeline::new();
        load(&mut loading);
        refused(&self.many_as_is(lane, &loading).await?)
    }

    async fn one_as_is(&self, lane: Lane, command: &Cmd) -> Result<Value> {
        let lines = self.admitted(lane)?;
        let home = lines.home(lane, &self.options);
        let pending = Pending::begin(self, &lines);
        pending.end(match &home {
            Some((fan, runtime)) => fan.line().one_of_many(command, runtime).await,
            None => lines.line(lane).one(command).await,
        })
    }

    async fn many_as_is(&self, lane: Lane, commands: &Pipeline) -> Result<Vec<Value>> {
        let lines = self.admitted(lane)?;
        let home = lines.home(lane, &self.options);
        let pending = Pending::begin(self, &lines);
        let line = home.as_ref().map_or_else(|| lines.line(lane), |(fan, _)| fan.line());
        pending.end(line.raw(commands).await)
    }

    /// How many calls in a row were given up because no answer came.
    pub(super) fn late(&self) -> u32 {
        self.late.load(Ordering::Relaxed)
    }
}

/// A call under way; dropped with `since` set, it was given up.
struct Pending<'a> {
    link: &'a Link,
    lines: &'a Lines,
    since: Option<Instant>,
}

impl<'a> Pending<'a> {
    fn begin(link: &'a Link, lines: &'a Lines) -> Self {
        Self { link, lines, since: Some(Instant::now()) }
    }

    fn end<T>(mut self, answer: Result<T>) -> Result<T> {
        self.since = None;
        match &answer {
            Err(error) if breaks(error) => self.lines.broken.store(true, Ordering::Release),
            _ => self.link.late.store(0, Ordering::Relaxed),
        }
        answer
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if self.since.is_some_and(|since| since.elapsed() > LATE) {
            self.link.late.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Lines {
    /// The connections for reads in this runtime, if it drives some.
    fn home(&self, lane: Lane, options: &RedisOptions) -> Option<(Arc<Fan>, Handle)> {
        if lane == Lane::Read { self.homes.here(&self.client, options) } else { None }
    }

    fn line(&self, lane: Lane) -> &Line {
        match lane {
            Lane::Read => self.reads.line(),
            Lane::Write => &self.writes,
            Lane::Log => &self.log,
        }
    }
}

fn load(pipeline: &mut Pipeline) {
    for text in Scripts::TEXTS {
        pipeline.cmd("SCRIPT").arg("LOAD").arg(text);
    }
}

/// The first of these answers that is an error, as ours.
pub(super) fn refused(answers: &[Value]) -> Result<()> {
    let error = answers.iter().find_map(|answer| match answer {
        Value::ServerError(error) => Some(failure(&error.clone().into())),
        _ => None,
    });
    error.map_or(Ok(()), Err)
}

pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::VerbatimString { text, .. } | Value::SimpleString(text) => text.clone(),
        _ => String::new(),
    }
}

pub(super) fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let admits = self.admits.load(Ordering::Relaxed);
        f.debug_struct("Link").field("target", &self.options.target).field("admits", &admits).finish_non_exhaustive()
    }
}
