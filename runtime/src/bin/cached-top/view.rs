//! The live view: what is drawn of two answers of the API.

use std::collections::HashMap;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table, TableState};
use serde_json::Value;

use crate::api::shown;

/// By what sites are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Calls,
    Misses,
    LoadTime,
    Bytes,
}

impl Sort {
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Calls => Self::Misses,
            Self::Misses => Self::LoadTime,
            Self::LoadTime => Self::Bytes,
            Self::Bytes => Self::Calls,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Misses => "misses",
            Self::LoadTime => "load time",
            Self::Bytes => "bytes",
        }
    }
}

/// What is shown.
pub(crate) struct View {
    pub(crate) url: String,
    pub(crate) stats: Value,
    pub(crate) health: Value,
    /// The answer before, and how many seconds lie between.
    pub(crate) before: Option<(Value, f64)>,
    pub(crate) sort: Sort,
    pub(crate) chosen: usize,
    /// A question, or why there is nothing new.
    pub(crate) notice: Option<String>,
}

/// One site, as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Site {
    pub(crate) name: String,
    calls: f64,
    misses: f64,
    loads: f64,
    hit_rate: f64,
    load_ms: f64,
    entries: u64,
    bytes: u64,
    evictions: u64,
}

impl View {
    /// The sites in their order.
    pub(crate) fn sites(&self) -> Vec<Site> {
        let none = (Value::Null, 1.0);
        let (before, seconds) = self.before.as_ref().unwrap_or(&none);
        let old: HashMap<&str, &Value> = each(&before["sites"]).map(|site| (name(site), site)).collect();
        let mut sites: Vec<Site> = each(&self.stats["sites"])
            .map(|site| {
                let rate = |field: &str| {
                    let was = old.get(name(site)).map_or(0.0, |old| number(&old[field]));
                    if self.before.is_some() { (number(&site[field]) - was).max(0.0) / seconds } else { 0.0 }
                };
                let loads = number(&site["loads"]);
                Site {
                    name: name(site).to_owned(),
                    calls: rate("hits") + rate("misses"),
                    misses: rate("misses"),
                    loads: rate("loads"),
                    hit_rate: number(&site["hit_rate"]),
                    load_ms: if loads > 0.0 { number(&site["load_seconds"]) * 1e3 / loads } else { 0.0 },
                    entries: site["entries"].as_u64().unwrap_or(0),
                    bytes: site["bytes"].as_u64().unwrap_or(0),
                    evictions: site["evictions"].as_u64().unwrap_or(0),
                }
            })
            .collect();
        sites.sort_by(|a, b| self.weight(b).total_cmp(&self.weight(a)).then_with(|| a.name.cmp(&b.name)));
        sites
    }

    fn weight(&self, site: &Site) -> f64 {
        match self.sort {
            Sort::Calls => site.calls,
            Sort::Misses => site.misses,
            Sort::LoadTime => site.load_ms,
            Sort::Bytes => site.bytes as f64,
        }
    }

    pub(crate) fn draw(&self, frame: &mut Frame<'_>) {
        let (sites, tiers) = (self.sites(), each(&self.stats["tiers"]).count());
        let warnings = each(&self.health["warnings"]).count();
        let rows = |n: usize| Constraint::Length(u16::try_from(n).unwrap_or(u16::MAX));
        let [head, table, below, told, foot] = Layout::vertical([
            rows(3),
            Constraint::Min(4),
            rows(if tiers == 0 { 0 } else { tiers.min(5) + 2 }),
            rows(if warnings == 0 { 0 } else { warnings.min(4) + 1 }),
            rows(1),
        ])
        .areas(frame.area());
        frame.render_widget(Paragraph::new(self.summary()).block(Block::bordered()), head);
        let mut state = TableState::default().with_selected(Some(self.chosen.min(sites.len().saturating_sub(1))));
        frame.render_stateful_widget(self.site_table(&sites), table, &mut state);
        frame.render_widget(self.tier_table(), below);
        frame.render_widget(self.warnings(), told);
        frame.render_widget(Line::from(self.foot()), foot);
    }

    fn summary(&self) -> Line<'static> {
        let cache = &self.stats["cache"];
        let status = shown(self.health["status"].as_str().unwrap_or("?"));
        let colour = match status.as_str() {
            "healthy" => Color::Green,
            "degraded" => Color::Red,
            _ => Color::Yellow,
        };
        let saved = number(&cache["saved_seconds"]);
        Line::from(vec![
            ratatui::text::Span::styled(format!("{status}  "), Style::new().fg(colour).add_modifier(Modifier::BOLD)),
            format!(
                "hit rate {:.1} %  near {} of {}  invalidations {}  saved {saved:.0} s  joined {}  {}",
                number(&cache["hit_rate"]) * 100.0,
                bytes(cache["near_bytes"].as_u64().unwrap_or(0)),
                bytes(cache["near_capacity"].as_u64().unwrap_or(0)),
                cache["invalidations"],
                cache["joins"],
                self.url
            )
            .into(),
        ])
    }

    fn site_table(&self, sites: &[Site]) -> Table<'static> {
        let row = |site: &Site| {
            let cells = [
                shown(&site.name),
                format!("{:.1}", site.calls),
                format!("{:.1}", site.misses),
                format!("{:.1}", site.hit_rate * 100.0),
                format!("{:.1}", site.loads),
                format!("{:.2}", site.load_ms),
                site.entries.to_string(),
                bytes(site.bytes),
                site.evictions.to_string(),
            ];
            Row::new(cells.map(Cell::from))
        };
        let widths = [
            Constraint::Min(20),
            Constraint::Length(9),
            Constraint::Length(9),
            Constraint::Length(6),
            Constraint::Length(8),
            Constraint::Length(9),
            Constraint::Length(9),
            Constraint::Length(9),
            Constraint::Length(8),
        ];
        let titles = ["site", "calls/s", "misses/s", "hit %", "loads/s", "load ms", "entries", "bytes", "evicted"];
        Table::new(sites.iter().map(row).collect::<Vec<_>>(), widths)
            .header(Row::new(titles).style(Style::new().add_modifier(Modifier::BOLD)))
            .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
            .block(Block::bordered().title(format!("{} sites by {}", sites.len(), self.sort.word())))
    }

    fn tier_table(&self) -> Table<'static> {
        let row = |tier: &Value| {
            let cells = [
                shown(tier["tier"].as_str().unwrap_or_default()),
                format!(
                    "{}/{}",
                    shown(tier["reads"].as_str().unwrap_or("?")),
                    shown(tier["writes"].as_str().unwrap_or("?"))
                ),
                tier["hits"].to_string(),
                tier["misses"].to_string(),
                tier["errors"].to_string(),
                tier["pending"].to_string(),
                tier["backlog"].to_string(),
            ];
            Row::new(cells.map(Cell::from))
        };
        let widths = [20, 16, 11, 11, 9, 9, 9].map(Constraint::Length);
        let titles = ["tier", "breakers", "hits", "misses", "errors", "frames", "backlog"];
        Table::new(each(&self.stats["tiers"]).take(5).map(row).collect::<Vec<_>>(), widths)
            .header(Row::new(titles).style(Style::new().add_modifier(Modifier::BOLD)))
    }

    fn warnings(&self) -> Paragraph<'static> {
        let lines = each(&self.health["warnings"]).take(4);
        let lines: Vec<Line<'static>> = lines
            .map(|warning| Line::from(format!("! {}", shown(warning["text"].as_str().unwrap_or_default()))))
            .collect();
        Paragraph::new(lines).style(Style::new().fg(Color::Yellow))
    }

    fn foot(&self) -> String {
        self.notice
            .clone()
            .unwrap_or_else(|| "q ends  s sorts  \u{2191}\u{2193} choose  p pauses or resumes".to_owned())
    }
}

fn each(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn name(site: &Value) -> &str {
    site["site"].as_str().unwrap_or_default()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}

fn bytes(n: u64) -> String {
    match n {
        ..10_000 => format!("{n} B"),
        10_000..10_000_000 => format!("{:.1} kB", n as f64 / 1e3),
        10_000_000..10_000_000_000 => format!("{:.1} MB", n as f64 / 1e6),
        _ => format!("{:.1} GB", n as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use serde_json::json;

    use super::*;

    fn view(stats: Value, before: Option<(Value, f64)>) -> View {
        let health = json!({ "status": "warning", "warnings": [{ "text": "look at this\u{1b}[2J" }] });
        View { url: "http://x".to_owned(), stats, health, before, sort: Sort::Calls, chosen: 0, notice: None }
    }

    fn stats(a: u64, b: u64) -> Value {
        let site = |name: &str, hits: u64| {
            json!({ "site": name, "hits": hits, "misses": 10, "hit_rate": 0.5, "loads": 10,
            "load_seconds": 0.5, "entries": 3, "bytes": 20_000, "evictions": 1 })
        };
        json!({ "cache": { "hit_rate": 0.5, "near_bytes": 5, "near_capacity": 64 << 20, "invalidations": 2, "joins": 1 },
            "sites": [site("shop.a", a), site("shop.b\u{202e}", b)],
            "tiers": [{ "tier": "redis", "reads": "open", "writes": "closed", "hits": 1, "misses": 2, "errors": 3,
                "pending": 4, "backlog": 5 }] })
    }

    fn drawn(view: &View) -> String {
        let mut terminal = Terminal::new(TestBackend::new(120, 24)).expect("a terminal");
        terminal.draw(|frame| view.draw(frame)).expect("it is drawn");
        let buffer = terminal.backend().buffer().clone();
        let rows = buffer.content().chunks(120);
        rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect::<String>() + "\n").collect()
    }

    #[test]
    fn rates_are_of_the_time_between_two_answers() {
        let view = view(stats(300, 50), Some((stats(100, 40), 2.0)));
        let sites = view.sites();
        assert_eq!((sites[0].name.as_str(), sites[0].calls, sites[1].calls), ("shop.a", 100.0, 5.0));
        let text = drawn(&view);
        assert!(text.contains("100.0") && text.contains("50.00") && text.contains("20.0 kB"), "{text}");
        assert!(text.contains("open/closed") && text.contains("look at this\\u{1b}[2J"), "{text}");
        assert!(text.contains("shop.b\\u{202e}"), "names do not turn the line round: {text}");
    }

    #[test]
    fn what_is_missing_is_no_panic() {
        for odd in
            [Value::Null, json!({ "sites": 7, "cache": [] }), json!({ "sites": [null, { "site": 5 }], "tiers": [1] })]
        {
            drawn(&view(odd.clone(), Some((odd, 0.0))));
        }
    }

    #[test]
    fn sites_are_sorted_by_what_is_asked() {
        let mut view = view(stats(1, 2), None);
        let seen: Vec<Sort> = (0..4)
            .map(|_| {
                view.sort = view.sort.next();
                view.sort
            })
            .collect();
        assert_eq!(seen, [Sort::Misses, Sort::LoadTime, Sort::Bytes, Sort::Calls]);
    }
}
