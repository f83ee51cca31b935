//! Where a configuration is read from, in the order in which it counts.

use std::ffi::OsString;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::value::Value as Figured;

use super::layer::{Layer, Said, Settled};
use super::place::{Place, written};
use super::{Config, file, variables};
use crate::error::{Error, Result};

/// The file that is read where none is named, if it is there.
const USUAL: &str = "cached.toml";

/// Where a [`Config`] is read from: what is named later counts before what is named earlier.
///
/// ```
/// use cached_runtime::config::Config;
///
/// let config = Config::sources().variables([("CACHED_TTL", "10m"), ("PATH", "/bin")]).read()?;
/// assert_eq!(config.said(), [("ttl".to_owned(), "the variable CACHED_TTL".to_owned())]);
/// # Ok::<(), cached_runtime::Error>(())
/// ```
#[derive(Clone, Default)]
#[must_use = "nothing is read before `read`"]
pub struct Sources {
    sources: Vec<Source>,
}

#[derive(Clone)]
enum Source {
    File { path: PathBuf, must_be: bool },
    Figment(Box<Figment>),
    Variables(Vec<(OsString, OsString)>),
}

impl Sources {
    /// A file of TOML, which has to be there.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.sources.push(Source::File { path: path.into(), must_be: true });
        self
    }

    /// A file of TOML, if it is there.
    pub fn file_if_there(mut self, path: impl Into<PathBuf>) -> Self {
        self.sources.push(Source::File { path: path.into(), must_be: false });
        self
    }

    /// What a `Figment` of your own has merged, in its selected profile: with [`Figment::focus`] a table of it.
    ///
    /// Its names are those of the file. Texts are read as those of variables are, for a provider of an environment has
    /// nothing else.
    pub fn figment(mut self, figment: Figment) -> Self {
        self.sources.push(Source::Figment(Box::new(figment)));
        self
    }

    /// These variables. Those that are no settings are passed over; those that begin with `CACHED_` have to be some.
    pub fn variables<N, T>(mut self, variables: impl IntoIterator<Item = (N, T)>) -> Self
    where
        N: Into<OsString>,
        T: Into<OsString>,
    {
        let variables = variables.into_iter().map(|(name, text)| (name.into(), text.into()));
        self.sources.push(Source::Variables(variables.collect()));
        self
    }

    /// The variables of this process, as they are now.
    pub fn environment(self) -> Self {
        self.variables(std::env::vars_os())
    }

    /// Reads all of them.
    ///
    /// # Errors
    /// A `Config` error, of the first thing that is wrong: it names the setting (`setting`, `field`), where it was said
    /// (`from`, or `file`, `line` and `column`), and what is expected. What was written is not repeated.
    pub fn read(self) -> Result<Config> {
        let (mut settled, mut hasher, mut files) = (Settled::new(), DefaultHasher::new(), 0);
        for (at, source) in self.sources.iter().enumerate() {
            let said = match source {
                Source::File { path, must_be } => {
                    let text = text_of(path, *must_be)?;
                    text.hash(&mut hasher);
                    files += usize::from(text.is_some());
                    text.map_or_else(|| Ok(Settled::new()), |text| file::read(path, &text))?
                }
                Source::Figment(figment) => of_figment(figment)?,
                Source::Variables(all) => variables::read(&variables::ours(all.iter().cloned())?)?,
            };
            settled.extend(said.into_iter().map(|(field, said)| (field, Said { source: at, ..said })));
        }
        Ok(Config { settled, sources: self, print: hasher.finish(), files })
    }

    /// What the files hold now, in one number.
    pub(super) fn print(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for source in &self.sources {
            if let Source::File { path, must_be } = source {
                // One that cannot be read is not what it was when it could.
                text_of(path, *must_be).unwrap_or_default().hash(&mut hasher);
            }
        }
        hasher.finish()
    }

    /// The file that these variables name, or the usual one.
    pub(super) fn usual(variables: Vec<(OsString, OsString)>) -> Self {
        let named = variables.iter().find(|(name, text)| name == variables::FILE && !text.is_empty());
        let sources = Self::default();
        let sources = match named {
            Some((_, path)) => sources.file(PathBuf::from(path)),
            None => sources.file_if_there(USUAL),
        };
        sources.variables(variables)
    }
}

/// The text of a file; `None` if it is not there and need not be.
fn text_of(path: &Path, must_be: bool) -> Result<Option<String>> {
    if !must_be && !path.exists() {
        return Ok(None);
    }
    file::text_of(path).map(Some)
}

fn of_figment(figment: &Figment) -> Result<Settled> {
    // Its own words may repeat values, and those may be secrets.
    let wrong = |error: &figment::Error| {
        let at = error.metadata.as_ref().map_or_else(|| "a provider".to_owned(), provider);
        Error::config("config", "the figment cannot be read").with("from", at).with("field", written(&error.path))
    };
    let merged = figment.find_value("").map_err(|error| wrong(&error))?;
    let place = |key: &[String], value: &Figured| Place::Figment {
        provider: figment.get_metadata(value.tag()).map_or_else(|| "a provider".to_owned(), provider),
        key: written(key),
    };
    let mut layer = Layer::new(&place, true);
    if let Figured::Dict(_, dict) = &merged {
        layer.table(dict)?;
    }
    layer.claims().settle()
}

fn provider(metadata: &figment::Metadata) -> String {
    match &metadata.source {
        Some(source) => format!("{} {source}", metadata.name),
        None => metadata.name.to_string(),
    }
}

/// Without what they hold.
impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |source: &Source| match source {
            Source::File { path, .. } => path.display().to_string(),
            Source::Figment(_) => "a figment".to_owned(),
            Source::Variables(all) => format!("{} variables", all.len()),
        };
        f.debug_list().entries(self.sources.iter().map(name)).finish()
    }
}
