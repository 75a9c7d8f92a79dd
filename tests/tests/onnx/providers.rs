//! Settings of the backend: which provider computes, and how sessions are opened.

use libtest_mimic::{Failed, Trial};
use mbed_core::settings::{NamedValues, OnnxBuckets, OnnxProvider, OnnxSettings, PromptChoice};
use mbed_core::{Backend, BackendError, Batch, Embeddings, OpenRequest, Precision, PrecisionChoice, Probe};
use mbed_tests::models;
use mbed_tests::{Failure, Tolerance, required};

use crate::graphs::{backend, check_vectors};

/// Names of providers, as settings have them.
const PROVIDERS: [&str; 6] = ["cpu", "cuda", "tensorrt", "openvino", "directml", "coreml"];

/// A trial for every provider, ignored where the library was built without it, and one for each setting.
pub(crate) fn all() -> Vec<Trial> {
    let there = match backend().probe() {
        Probe::Found(devices) => devices.into_iter().flat_map(|device| device.details).collect(),
        Probe::Absent(_) => Vec::new(),
    };
    let names = there.iter().find(|(name, _)| name == "providers").map_or("", |(_, names)| names.as_str());
    let has = |name: &str| names.split(' ').any(|known| known == name);
    let providers = PROVIDERS.map(|name| {
        let trial = Trial::test(format!("providers/{name}"), move || computes(name).map_err(Failed::from));
        let need = format!("needs onnx with {name}");
        trial.with_kind(need).with_ignored_flag(!has(name) && !required(&format!("onnx-{name}")))
    });
    let missing = PROVIDERS.into_iter().find(|name| !has(name));
    let refused = Trial::test("providers/one_that_the_library_lacks_is_an_error", move || {
        missing.map_or(Ok(()), is_refused).map_err(Failed::from)
    });
    let settings = SETTINGS.map(|(name, settings)| {
        Trial::test(format!("settings/{name}"), move || {
            settings().and_then(|s| same_vectors(&s)).map_err(Failed::from)
        })
    });
    let others = [
        refused,
        Trial::test("providers/options_of_one_that_has_none_are_refused", || {
            processor_has_no_options().map_err(Failed::from)
        }),
    ];
    let needing = settings.into_iter().chain(others);
    let is_ignored = names.is_empty() && !required("onnx");
    providers.into_iter().chain(needing.map(|trial| trial.with_ignored_flag(is_ignored))).collect()
}

type Made = fn() -> Result<OnnxSettings, Failure>;

/// Settings that change how a session computes, and nothing of what comes out.
const SETTINGS: [(&str, Made); 3] = [
    ("shapes_in_buckets", || Ok(OnnxSettings { buckets: OnnxBuckets::On, ..processor() })),
    ("session_options_by_name", || {
        let session_options: NamedValues =
            "session.disable_prepacking=1; session.use_env_allocators=0".parse()?;
        Ok(OnnxSettings { session_options, ..processor() })
    }),
    ("threads_side_by_side", || {
        Ok(OnnxSettings { inter_threads: std::num::NonZeroUsize::new(2), ..processor() })
    }),
];

fn of_provider(name: &str) -> Result<OnnxSettings, Failure> {
    Ok(serde_json::from_value(serde_json::json!({ "provider": name }))?)
}

fn processor() -> OnnxSettings {
    OnnxSettings { provider: OnnxProvider::Cpu, ..OnnxSettings::default() }
}

fn same_vectors(settings: &OnnxSettings) -> Result<(), Failure> {
    let model = models::fixture("bert-mean")?.load()?;
    let request = OpenRequest::new(model.source.clone());
    let mut session = backend().with_settings(settings.clone()).open(request)?;
    // Twice: the second time buffers are there already.
    check_vectors(session.as_mut(), &model, Tolerance::new(2e-5))?;
    check_vectors(session.as_mut(), &model, Tolerance::new(2e-5))
}

/// A provider computes what the processor does, as near as its own arithmetic comes; or it is an error that names it.
fn computes(name: &str) -> Result<(), Failure> {
    let settings = of_provider(name)?;
    let model = models::fixture("bert-mean")?.load()?;
    let request =
        OpenRequest::new(model.source.clone()).with_precision(PrecisionChoice::Exactly(Precision::F32));
    let mut session = match backend().with_settings(settings).open(request) {
        Ok(session) => session,
        // A card or driver that this machine lacks.
        Err(BackendError::Failed { source, .. }) if name != "cpu" => {
            return if source.to_string().is_empty() { Err(Failure::new("no reason")) } else { Ok(()) };
        }
        Err(error) => return Err(error.into()),
    };
    check_vectors(session.as_mut(), &model, Tolerance::of_cosine(0.9999))?;
    let mut rows = Embeddings::new();
    let mut batch = Batch::new();
    for text in model.encode(PromptChoice::Text(String::new()))?.iter().take(3) {
        batch.push(&text.tokens);
    }
    session.embed(&batch, &mut rows)?;
    assert_eq!(rows.rows(), 3);
    Ok(())
}

fn is_refused(name: &str) -> Result<(), Failure> {
    let settings = of_provider(name)?;
    let source = models::fixture("bert-mean")?.load()?.source;
    match backend().with_settings(settings).open(OpenRequest::new(source)) {
        Err(BackendError::NoSuchDevice { reason, .. })
            if reason.contains(&format!("no provider `{name}`")) =>
        {
            Ok(())
        }
        Err(other) => Err(Failure::from(other).during("another refusal")),
        Ok(_) => Err(Failure::new("it was opened")),
    }
}

fn processor_has_no_options() -> Result<(), Failure> {
    let settings = OnnxSettings { provider_options: "device_id=1".parse()?, ..processor() };
    let source = models::fixture("bert-mean")?.load()?.source;
    match backend().with_settings(settings).open(OpenRequest::new(source)) {
        Err(BackendError::UnsupportedModel { reason, .. }) if reason.contains("has no options") => Ok(()),
        Err(other) => Err(Failure::from(other).during("another refusal")),
        Ok(_) => Err(Failure::new("it was opened")),
    }
}
