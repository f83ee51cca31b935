//! Asks again and again, draws, and listens to keys.

use std::time::{Duration, Instant};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use serde_json::{Value, json};

use crate::api::{Api, escaped, shown};
use crate::view::{Sort, View};

pub(crate) fn run(api: &Api, every: Duration) -> Result<(), String> {
    // Before the screen is taken: who cannot be asked is told so in the terminal as it is.
    let (stats, health) = (api.get("stats")?, api.get("health")?);
    let mut view =
        View { url: api.url.clone(), stats, health, before: None, sort: Sort::Calls, chosen: 0, notice: None };
    let mut terminal = ratatui::try_init().map_err(|error| format!("this is no terminal: {error}"))?;
    let ended = until_ended(api, every, &mut view, &mut terminal);
    ratatui::restore();
    ended
}

fn until_ended(api: &Api, every: Duration, view: &mut View, terminal: &mut DefaultTerminal) -> Result<(), String> {
    let mut asked = Instant::now();
    // What is asked before it is done: a site, and whether it is to be paused.
    let mut question: Option<(String, bool)> = None;
    loop {
        terminal.draw(|frame| view.draw(frame)).map_err(|error| error.to_string())?;
        let left = every.saturating_sub(asked.elapsed());
        if event::poll(left).map_err(|error| error.to_string())? {
            let Event::Key(key) = event::read().map_err(|error| error.to_string())? else { continue };
            if key.kind != KeyEventKind::Press {
                continue;
            }
            if let Some((site, pause)) = question.take() {
                view.notice = if key.code == KeyCode::Char('y') { Some(turn(api, &site, pause)) } else { None };
                continue;
            }
            view.notice = None;
            match key.code {
                KeyCode::Char('q') | KeyCode::Esc => return Ok(()),
                KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return Ok(()),
                KeyCode::Char('s') => view.sort = view.sort.next(),
                KeyCode::Down => view.chosen = (view.chosen + 1).min(view.sites().len().saturating_sub(1)),
                KeyCode::Up => view.chosen = view.chosen.saturating_sub(1),
                KeyCode::Char('p') => question = ask(api, view),
                _ => {}
            }
            continue;
        }
        refresh(api, view, asked.elapsed());
        asked = Instant::now();
    }
}

fn refresh(api: &Api, view: &mut View, since: Duration) {
    match (api.get("stats"), api.get("health")) {
        (Ok(stats), Ok(health)) => {
            let before = std::mem::replace(&mut view.stats, stats);
            view.before = Some((before, since.as_secs_f64().max(0.001)));
            view.health = health;
        }
        // What is shown stays, and says that it is old.
        (Err(wrong), _) | (_, Err(wrong)) => view.notice = Some(format!("nothing new: {wrong}")),
    }
}

/// Asks before anything is done.
fn ask(api: &Api, view: &mut View) -> Option<(String, bool)> {
    let site = view.sites().get(view.chosen)?.name.clone();
    let sites = match api.get("sites") {
        Ok(answer) => answer,
        Err(wrong) => {
            view.notice = Some(wrong);
            return None;
        }
    };
    let known = sites["sites"].as_array()?.iter().find(|known| known["site"].as_str() == Some(&site))?;
    let paused = known["paused"] == Value::Bool(true);
    let what = if paused { "resume" } else { "pause" };
    view.notice = Some(format!(
        "{what} {}? Its calls {} [y/N]",
        shown(&site),
        if paused { "use the cache again" } else { "go by the cache" }
    ));
    Some((site, !paused))
}

fn turn(api: &Api, site: &str, pause: bool) -> String {
    match api.post(&format!("sites/{}", escaped(site)), &json!({ "paused": pause })) {
        Ok(_) => format!("{} {}", shown(site), if pause { "is paused" } else { "uses the cache again" }),
        Err(wrong) => wrong,
    }
}
