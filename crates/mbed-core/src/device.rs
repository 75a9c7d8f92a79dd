//! Devices: what a backend finds on a machine before anything is opened.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use crate::{Bytes, Precision};

/// One device of one backend, written `cpu:0`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId {
    /// The backend's name.
    pub backend: Cow<'static, str>,
    /// The backend's own number of the device, from 0.
    pub index: u32,
}

impl DeviceId {
    /// Device `index` of the backend named `backend`.
    #[must_use]
    pub const fn new(backend: &'static str, index: u32) -> Self {
        Self { backend: Cow::Borrowed(backend), index }
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.backend, self.index)
    }
}

impl Serialize for DeviceId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What is known of a device without opening it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeviceInfo {
    /// Which device this is.
    pub id: DeviceId,
    /// The maker's name for it.
    pub name: String,
    /// Its memory, where that can be told.
    pub memory_total: Option<Bytes>,
    /// How much of its memory is free now, where that can be told.
    pub memory_free: Option<Bytes>,
    /// How many threads or compute units it works with, where that has a meaning.
    pub parallelism: Option<usize>,
    /// The precisions that a session on it can be opened with, the backend's first choice first.
    pub precisions: Vec<Precision>,
    /// Other facts to show, such as instruction sets or a driver's version.
    pub details: Vec<(String, String)>,
}

impl DeviceInfo {
    /// A device with a name and precisions; the other facts start out unknown and are public to fill in.
    #[must_use]
    pub fn new(id: DeviceId, name: String, precisions: Vec<Precision>) -> Self {
        Self {
            id,
            name,
            precisions,
            memory_total: None,
            memory_free: None,
            parallelism: None,
            details: Vec::new(),
        }
    }
}

/// The answer of a backend that was asked what it finds here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// At least one device, in the order of their numbers.
    Found(Vec<DeviceInfo>),
    /// None, and the reason in words for a person.
    Absent(String),
}

impl Probe {
    /// The devices, an empty list where there are none.
    #[must_use]
    pub fn devices(&self) -> &[DeviceInfo] {
        match self {
            Self::Found(devices) => devices,
            Self::Absent(_) => &[],
        }
    }
}
