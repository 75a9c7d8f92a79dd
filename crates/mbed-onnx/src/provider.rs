//! What computes in ONNX Runtime: its execution providers, as data.

use mbed_core::settings::OnnxProvider;
use ort::ep::{self, ArbitrarilyConfigurableExecutionProvider, ExecutionProvider, ExecutionProviderDispatch};

use crate::engines::{self, Engines};

/// An execution provider.
pub(crate) struct Provider {
    choice: OnnxProvider,
    /// The name that settings use.
    pub(crate) name: &'static str,
    /// What people call it.
    label: &'static str,
    /// What ONNX Runtime calls it.
    pub(crate) identifier: &'static str,
    /// Whether the library was built with it.
    is_there: fn() -> ort::Result<bool>,
    make: Make,
    /// Its options, where nobody set them.
    own_options: fn(&Engines<'_>) -> Options,
    /// Whether it works out anew what to do for each shape.
    pub(crate) shapes: ShapeCost,
}

/// Options by name.
pub(crate) type Options = Vec<(String, String)>;

/// How a provider is made.
enum Make {
    /// Every session has it.
    Nothing,
    /// It has no options.
    Plain(fn() -> ExecutionProviderDispatch),
    Configured(fn(&Options) -> Vec<ExecutionProviderDispatch>),
}

/// What a shape costs that was not seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShapeCost {
    Nothing,
    Planning,
}

/// Each fails where it cannot start, which ONNX Runtime would otherwise pass over.
static ALL: [Provider; 6] = [
    Provider {
        choice: OnnxProvider::Cpu,
        name: "cpu",
        label: "CPU",
        identifier: ep::CPU::NAME,
        is_there: ep::CPU::is_available,
        make: Make::Nothing,
        own_options: no_options,
        shapes: ShapeCost::Nothing,
    },
    Provider {
        choice: OnnxProvider::Cuda,
        name: "cuda",
        label: "CUDA",
        identifier: ep::CUDA::NAME,
        is_there: ep::CUDA::is_available,
        make: Make::Configured(|options| vec![configured::<ep::CUDA>(options)]),
        own_options: no_options,
        shapes: ShapeCost::Planning,
    },
    Provider {
        choice: OnnxProvider::TensorRt,
        name: "tensorrt",
        label: "TensorRT",
        identifier: ep::TensorRT::NAME,
        is_there: ep::TensorRT::is_available,
        // What TensorRT lacks runs on the same card.
        make: Make::Configured(|options| {
            vec![configured::<ep::TensorRT>(options), configured::<ep::CUDA>(&Options::new())]
        }),
        own_options: engines::options,
        shapes: ShapeCost::Planning,
    },
    Provider {
        choice: OnnxProvider::OpenVino,
        name: "openvino",
        label: "OpenVINO",
        identifier: ep::OpenVINO::NAME,
        is_there: ep::OpenVINO::is_available,
        make: Make::Configured(|options| vec![configured::<ep::OpenVINO>(options)]),
        own_options: no_options,
        shapes: ShapeCost::Planning,
    },
    Provider {
        choice: OnnxProvider::DirectMl,
        name: "directml",
        label: "DirectML",
        identifier: ep::DirectML::NAME,
        is_there: ep::DirectML::is_available,
        make: Make::Plain(|| ep::DirectML::default().build().error_on_failure()),
        own_options: no_options,
        shapes: ShapeCost::Planning,
    },
    Provider {
        choice: OnnxProvider::CoreMl,
        name: "coreml",
        label: "Core ML",
        identifier: ep::CoreML::NAME,
        is_there: ep::CoreML::is_available,
        make: Make::Configured(|options| vec![configured::<ep::CoreML>(options)]),
        own_options: no_options,
        shapes: ShapeCost::Planning,
    },
];

/// What `auto` asks for, in this order. The others build engines for minutes or compute in fewer bits than asked for.
const AUTO: [OnnxProvider; 3] = [OnnxProvider::Cuda, OnnxProvider::DirectMl, OnnxProvider::Cpu];

fn no_options(_engines: &Engines<'_>) -> Options {
    Options::new()
}

fn configured<P>(options: &Options) -> ExecutionProviderDispatch
where
    P: ArbitrarilyConfigurableExecutionProvider + Default + Into<ExecutionProviderDispatch>,
{
    let provider = options
        .iter()
        .fold(P::default(), |provider, (name, value)| provider.with_arbitrary_config(name, value));
    provider.into().error_on_failure()
}

impl Provider {
    /// What people call its device.
    pub(crate) fn device_name(&self) -> String {
        format!("{} through ONNX Runtime", self.label)
    }

    pub(crate) fn is_processor(&self) -> bool {
        self.choice == OnnxProvider::Cpu
    }

    /// Whether it keeps what it builds, by the fingerprint of a model.
    pub(crate) fn keeps_engines(&self) -> bool {
        self.choice == OnnxProvider::TensorRt
    }

    /// The processor alone, which every session has.
    pub(crate) fn processor() -> &'static Self {
        let [processor, ..] = &ALL;
        processor
    }

    /// Its options: those that were asked for, and its own by the names that nobody asked for.
    pub(crate) fn options<'a>(
        &self,
        asked: impl Iterator<Item = (&'a str, &'a str)>,
        engines: &Engines<'_>,
    ) -> Options {
        let mut options: Options = asked.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        for (name, value) in (self.own_options)(engines) {
            if options.iter().all(|(asked, _)| *asked != name) {
                options.push((name, value));
            }
        }
        options
    }

    /// What a session is to be opened with.
    ///
    /// # Errors
    /// It has no options, and some are given: a reason in words.
    pub(crate) fn make(&self, options: &Options) -> Result<Vec<ExecutionProviderDispatch>, String> {
        match (&self.make, options.first()) {
            (Make::Configured(make), _) => Ok(make(options)),
            (_, Some((name, _))) => {
                Err(format!("the provider `{}` has no options, such as `{name}`", self.name))
            }
            (Make::Nothing, None) => Ok(Vec::new()),
            (Make::Plain(make), None) => Ok(vec![make()]),
        }
    }
}

/// The providers that the loaded library was built with.
pub(crate) struct Providers(Vec<&'static Provider>);

impl Providers {
    /// Asks the library, which must be loaded.
    ///
    /// # Errors
    /// It does not answer.
    pub(crate) fn of_library() -> ort::Result<Self> {
        let mut there = Vec::new();
        for provider in &ALL {
            if (provider.is_there)()? {
                there.push(provider);
            }
        }
        Ok(Self(there))
    }

    /// The names that settings use.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|provider| provider.name).collect()
    }

    /// The one that was asked for, or why there is none; for `auto` the first that `starts`.
    ///
    /// # Errors
    /// This build of the library lacks it.
    pub(crate) fn get(
        &self,
        choice: OnnxProvider,
        starts: impl Fn(&'static Provider) -> bool,
    ) -> Result<&'static Provider, String> {
        let named = |choice| self.0.iter().copied().find(|provider| provider.choice == choice);
        let found = match choice {
            OnnxProvider::Auto => AUTO
                .into_iter()
                .filter_map(named)
                .find(|provider| provider.is_processor() || starts(provider)),
            _ => named(choice),
        };
        found.ok_or_else(|| {
            let asked = ALL.iter().find(|provider| provider.choice == choice);
            let asked = asked.map_or("auto", |provider| provider.name);
            format!("this build of ONNX Runtime has no provider `{asked}`, only {}", self.names().join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn provider(name: &str) -> &'static Provider {
        ALL.iter().find(|provider| provider.name == name).unwrap()
    }

    #[test]
    fn auto_takes_the_first_that_starts() {
        let check = |there: &[&str], starting: &[&str], expected: &str| {
            let there = Providers(there.iter().map(|name| provider(name)).collect());
            let found = there.get(OnnxProvider::Auto, |provider| starting.contains(&provider.name));
            assert_eq!(found.map(|provider| provider.name).ok(), Some(expected), "{starting:?}");
        };
        check(&["cpu"], &[], "cpu");
        check(&["cpu", "cuda", "tensorrt"], &["cuda", "tensorrt"], "cuda");
        check(&["cpu", "cuda", "openvino"], &["openvino"], "cpu");
        check(&["cpu", "directml"], &["directml"], "directml");
    }

    #[test]
    fn a_provider_that_the_library_lacks_is_named_with_those_that_it_has() {
        let there = Providers(vec![provider("cpu"), provider("cuda")]);
        let reason = there.get(OnnxProvider::CoreMl, |_| true).err().unwrap();
        assert_eq!(reason, "this build of ONNX Runtime has no provider `coreml`, only cpu, cuda");
    }

    #[test]
    fn options_that_were_asked_for_come_before_our_own() {
        let engines =
            Engines { folder: Some(Path::new("cache")), fingerprint: "f00d", inputs: &[], longest: 64 };
        let asked = [("trt_engine_cache_path", "elsewhere"), ("trt_fp16_enable", "1")];
        let options = provider("tensorrt").options(asked.into_iter(), &engines);
        let value = |name: &str| {
            let mut found =
                options.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
            let value = found.next();
            assert_eq!(found.next(), None, "{name}");
            value
        };
        assert_eq!(value("trt_engine_cache_path"), Some("elsewhere"));
        assert_eq!(value("trt_fp16_enable"), Some("1"));
        assert_eq!(value("trt_engine_cache_prefix"), Some("f00d"));
        let none: [(&str, &str); 0] = [];
        assert_eq!(provider("cuda").options(none.into_iter(), &engines), Options::new());
    }

    #[test]
    fn options_of_what_has_none_are_refused() {
        let options = vec![("device_id".to_owned(), "1".to_owned())];
        let reason = provider("cpu").make(&options).err().unwrap();
        assert_eq!(reason, "the provider `cpu` has no options, such as `device_id`");
        assert!(provider("cpu").make(&Options::new()).unwrap().is_empty());
    }
}
