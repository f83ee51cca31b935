//! The tests of the workspace: `tests/it` by promise, `ui` by mistake, `benches` against the peers.
