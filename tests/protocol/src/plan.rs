//! What is walked through: what is invalidated, what fails, and which guard is taken away.

/// What an invalidation names: a group, judged by the frame's birth, or one key, removed from L2 and fenced there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Group,
    Key,
}

/// What fails, once, at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outage {
    None,
    /// One node's connection breaks, also between a command and its answer.
    Cut,
    /// The server comes back empty.
    Empty,
    /// One server fails over to a replica that lacks the last record of the log, and what was stored after it.
    Tail,
    /// None of servers and connections; but a node starts anew, and knows nothing but the log as it finds it.
    Restart,
    /// Of a cluster: the server of the frame fails over to a replica that lacks the last command. When that is noticed
    /// and mended, a node starts anew; before, it could be given what has come back, and that is not promised.
    TailOfFrames,
    /// Of a cluster: the server of the frame is away for a while, and meanwhile or later a node starts anew.
    FramesAway,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// The birth is taken before L2 and the source are read, not at publishing.
    BirthBeforeRead,
    /// Near refuses a value whose birth is older than the last local application.
    NearCompares,
    /// The writer applies its own record again once the shared log has it.
    AppliedAgain,
    /// A frame carries the shared position known when its load began.
    FrameBirth,
    /// A key's frame is not stored in L2 if the key was invalidated after its load began.
    Fence,
    /// A frame is judged once more when it is stored: its epoch may have ended meanwhile.
    JudgedAtStore,
    /// A key is closed in L2 before its record is appended.
    ClosedBeforeAppend,
    /// What could not be appended is kept and appended later.
    Journal,
    /// L2 is not read before all that is owed to the log has been appended.
    DrainedBeforeOpen,
    /// A log of another epoch says nothing of what was seen so far: all of it is dropped.
    DropOnNewEpoch,
    /// Positions compare within one epoch only.
    FrameEpoch,
    /// Who comes back looks whether the log still reaches as far as was known.
    TopIsThere,
    /// And whether that is the same record as it was.
    TopIsTheSame,
    /// In a cluster the epoch ends with the server that holds the log.
    EpochOfServer,
    /// In a cluster a key is opened only by the one who closed it last.
    OpenedByCloser,
    /// In a cluster a frame is removed once more by the one who opens its key and finds it not closed.
    RemovedAtOpening,
    /// In a cluster what a node invalidated is said again when the server of its frames has failed over.
    SaidAgain,
    /// In a cluster a key that cannot be closed is remembered in the log, as a group is.
    Remembered,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    /// Are the log and the frame on servers of their own, so that closing a key, appending its record and opening the
    /// key again are three commands?
    pub(crate) cluster: bool,
    pub(crate) outage: Outage,
    pub(crate) without: Option<Guard>,
    pub(crate) writes: u8,
    pub(crate) loads: u8,
}

impl Plan {
    pub(crate) fn on(&self, guard: Guard) -> bool {
        self.without != Some(guard)
    }
}
