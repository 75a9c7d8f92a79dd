//! What computes in ONNX Runtime: its execution providers, as data.

use mbed_core::settings::OnnxProvider;
use ort::ep::{self, ExecutionProvider, ExecutionProviderDispatch};

/// An execution provider.
pub(crate) struct Provider {
    choice: OnnxProvider,
    /// The name that settings use.
    name: &'static str,
    /// What people call it.
    label: &'static str,
    /// Whether the library was built with it.
    is_there: fn() -> ort::Result<bool>,
    /// Makes it; nothing for the one that every session has.
    pub(crate) make: fn() -> Option<ExecutionProviderDispatch>,
}

/// Each fails where it cannot start, which ONNX Runtime would otherwise pass over.
static ALL: [Provider; 6] = [
    Provider {
        choice: OnnxProvider::Cpu,
        name: "cpu",
        label: "CPU",
        is_there: ep::CPU::is_available,
        make: || None,
    },
    Provider {
        choice: OnnxProvider::Cuda,
        name: "cuda",
        label: "CUDA",
        is_there: ep::CUDA::is_available,
        make: || Some(ep::CUDA::default().build().error_on_failure()),
    },
    Provider {
        choice: OnnxProvider::TensorRt,
        name: "tensorrt",
        label: "TensorRT",
        is_there: ep::TensorRT::is_available,
        make: || Some(ep::TensorRT::default().build().error_on_failure()),
    },
    Provider {
        choice: OnnxProvider::OpenVino,
        name: "openvino",
        label: "OpenVINO",
        is_there: ep::OpenVINO::is_available,
        make: || Some(ep::OpenVINO::default().build().error_on_failure()),
    },
    Provider {
        choice: OnnxProvider::DirectMl,
        name: "directml",
        label: "DirectML",
        is_there: ep::DirectML::is_available,
        make: || Some(ep::DirectML::default().build().error_on_failure()),
    },
    Provider {
        choice: OnnxProvider::CoreMl,
        name: "coreml",
        label: "Core ML",
        is_there: ep::CoreML::is_available,
        make: || Some(ep::CoreML::default().build().error_on_failure()),
    },
];

impl Provider {
    /// What people call its device.
    pub(crate) fn device_name(&self) -> String {
        format!("{} through ONNX Runtime", self.label)
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

    /// The one that was asked for, or why there is none.
    pub(crate) fn get(&self, choice: OnnxProvider) -> Result<&'static Provider, String> {
        let found = self.0.iter().find(|provider| provider.choice == choice);
        found.copied().ok_or_else(|| {
            let asked = ALL.iter().find(|provider| provider.choice == choice);
            let asked = asked.map_or("none", |provider| provider.name);
            format!("this build of ONNX Runtime has no provider `{asked}`, only {}", self.names().join(", "))
        })
    }
}
