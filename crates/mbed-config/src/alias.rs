//! The names that settings have in older embedding tools.

use serde_json::Value;

use crate::catalogue::{Catalogue, Forms};
use crate::entry::{Entry, wrong_value};
use crate::{ConfigError, Layer, Origin};

/// An older name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Alias {
    /// As a file has it; variables have it in capitals.
    pub(crate) name: &'static str,
    pub(crate) reach: Reach,
    pub(crate) meaning: Meaning,
}

/// Where an older name is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// In files, as `MBED_<NAME>`, and as the variable `<NAME>` itself, which other tools read too.
    Bare,
    /// In files and as `MBED_<NAME>`.
    Prefixed,
}

/// What an older name means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// This setting, with the same values.
    Same(&'static str),
    /// A backend, perhaps with a device: `cuda:1`.
    Device,
    /// `true` is the fastest 16-bit format, `false` is f32.
    MixedPrecision,
    /// The one device that computes.
    CudaDevice,
    /// Whether all devices compute, or one.
    MultiGpu,
    /// Memory left alone, in 10^9 bytes.
    Gigabytes,
}

const BACKEND: &str = "runtime.backend";
const DEVICES: &str = "runtime.devices";
const PRECISION: &str = "runtime.precision";
const RESERVED: &str = "memory.reserved";

/// All of them, those later that win where two of one layer contradict each other: `multi_gpu` after those that name
/// a device, because a device that is named without it may still be one of several.
pub(crate) const ALIASES: [Alias; 13] = [
    bare("embedding_device", Meaning::Device),
    bare("embedding_model_pool_size", Meaning::Same("runtime.workers_per_device")),
    bare("embedding_batch_size", Meaning::Same("batching.batch_size")),
    bare("semantic_min_batch_size", Meaning::Same("batching.min_rows")),
    bare("semantic_max_batch_size", Meaning::Same("batching.max_rows")),
    bare("gpu_memory_safety_factor", Meaning::Same("memory.safety_factor")),
    prefixed("hardware", Meaning::Device),
    prefixed("batch_size", Meaning::Same("batching.batch_size")),
    prefixed("mixed_precision", Meaning::MixedPrecision),
    prefixed("cuda_device", Meaning::CudaDevice),
    prefixed("multi_gpu", Meaning::MultiGpu),
    prefixed("cuda_vram_reserved_gb", Meaning::Gigabytes),
    prefixed("cuda_use_pinned_memory", Meaning::Same("cuda.pinned_memory")),
];

const fn bare(name: &'static str, meaning: Meaning) -> Alias {
    Alias { name, reach: Reach::Bare, meaning }
}

const fn prefixed(name: &'static str, meaning: Meaning) -> Alias {
    Alias { name, reach: Reach::Prefixed, meaning }
}

/// An older name that somebody used.
#[derive(Clone, Debug)]
pub(crate) struct Use {
    pub(crate) alias: &'static Alias,
    pub(crate) value: Value,
    pub(crate) layer: Layer,
    pub(crate) origin: Origin,
}

impl Alias {
    /// The one that a file calls `name`.
    pub(crate) fn in_file(name: &str) -> Option<&'static Self> {
        ALIASES.iter().find(|alias| alias.name == name)
    }

    /// The variables that have this name, the weaker first.
    pub(crate) fn variables(&self) -> Vec<String> {
        let name = self.name.to_uppercase();
        let prefixed = format!("MBED_{name}");
        match self.reach {
            Reach::Bare => vec![name, prefixed],
            Reach::Prefixed => vec![prefixed],
        }
    }

    /// The settings that it sets.
    pub(crate) fn keys(&self) -> Vec<&'static str> {
        match self.meaning {
            Meaning::Same(key) => vec![key],
            Meaning::Device => vec![BACKEND, DEVICES],
            Meaning::MixedPrecision => vec![PRECISION],
            Meaning::CudaDevice | Meaning::MultiGpu => vec![DEVICES],
            Meaning::Gigabytes => vec![RESERVED],
        }
    }

    /// What it may be, in words.
    pub(crate) fn range(&self, catalogue: &Catalogue) -> String {
        match self.meaning {
            Meaning::Same(key) => {
                catalogue.get(key).map_or_else(String::new, |setting| setting.range.clone())
            }
            Meaning::Device => {
                "a backend, perhaps with the number of a device: `cpu`, `cuda`, `cuda:1`".to_owned()
            }
            Meaning::MixedPrecision | Meaning::MultiGpu => "`true` or `false`".to_owned(),
            Meaning::CudaDevice => "the number of a device, from 0".to_owned(),
            Meaning::Gigabytes => "a number of gigabytes from 0".to_owned(),
        }
    }

    /// `text` in the form that a file has.
    pub(crate) fn read(&self, text: &str, catalogue: &Catalogue) -> Value {
        let forms = match self.meaning {
            Meaning::Same(key) => {
                return catalogue.get(key).map_or_else(|| Value::from(text), |setting| setting.read(text));
            }
            Meaning::Device => Forms::default(),
            Meaning::MixedPrecision | Meaning::MultiGpu => Forms { boolean: true, ..Forms::default() },
            Meaning::CudaDevice => Forms { integer: true, ..Forms::default() },
            Meaning::Gigabytes => Forms { number: true, ..Forms::default() },
        };
        forms.read(text)
    }
}

/// Turns older names into settings, layer after layer from the weakest, because one may speak of another:
/// `multi_gpu = false` means the device that `cuda_device` names.
#[derive(Debug)]
pub(crate) struct Translator<'a> {
    catalogue: &'a Catalogue,
    device: u64,
}

impl<'a> Translator<'a> {
    pub(crate) const fn new(catalogue: &'a Catalogue) -> Self {
        Self { catalogue, device: 0 }
    }

    /// The settings that the older names of one layer mean.
    pub(crate) fn translate(&mut self, mut uses: Vec<Use>) -> Result<Vec<Entry>, ConfigError> {
        uses.sort_by_key(|used| ALIASES.iter().position(|alias| alias == used.alias));
        let mut entries = Vec::new();
        for used in uses {
            let wrong = || {
                let range = used.alias.range(self.catalogue);
                wrong_value(used.alias.name, &used.value, used.origin.clone(), range)
            };
            let meant = meaning(used.alias.meaning, &used.value, self.device).ok_or_else(wrong)?;
            for (key, value) in meant {
                let setting = self.catalogue.get(key).ok_or_else(wrong)?;
                let value = setting.canonical(&value).ok_or_else(wrong)?;
                if let Some(device) = (key == DEVICES).then(|| value[0].as_u64()).flatten() {
                    self.device = device;
                }
                let (key, origin) = (key.to_owned(), used.origin.clone());
                entries.push(Entry { key, value, layer: used.layer, origin });
            }
        }
        Ok(entries)
    }
}

/// The settings that a value of an older name means, or `None` where it means nothing.
fn meaning(meaning: Meaning, value: &Value, device: u64) -> Option<Vec<(&'static str, Value)>> {
    Some(match meaning {
        Meaning::Same(key) => vec![(key, value.clone())],
        Meaning::Device => match value.as_str()?.split_once(':') {
            None => vec![(BACKEND, value.clone())],
            Some((backend, number)) => {
                let number: u32 = number.parse().ok()?;
                vec![(BACKEND, backend.into()), (DEVICES, vec![number].into())]
            }
        },
        Meaning::MixedPrecision => vec![(PRECISION, if value.as_bool()? { "mixed" } else { "f32" }.into())],
        Meaning::CudaDevice => vec![(DEVICES, vec![value.as_u64()?].into())],
        Meaning::MultiGpu if value.as_bool()? => vec![(DEVICES, "all".into())],
        Meaning::MultiGpu => vec![(DEVICES, vec![device].into())],
        Meaning::Gigabytes => vec![(RESERVED, format!("{}GB", value.as_f64()?).into())],
    })
}
