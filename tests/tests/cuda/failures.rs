//! Memory that runs out at every place, devices that are lost, and what cannot be had.

use mbed_core::settings::GraphChoice;
use mbed_core::{Backend, BackendError, Bytes, DeviceMemory, OpenRequest, Precision, Probe};
use mbed_cuda::CudaOptions;
use mbed_cuda::driver::Version;
use mbed_tests::cuda::{Count, EmulatedOptions};

use crate::support::{World, batch, embed, model, options, request};

#[test]
fn memory_may_run_out_at_every_allocation() {
    let source = model("bert-mean");
    let texts = batch(&[12, 30, 7, 22, 30]);
    let calm = World::with(options(32, GraphChoice::Auto));
    let expected = embed(calm.open(&source).unwrap().as_mut(), &texts).unwrap();
    let allocations = calm.driver.trace(0).count(Count::Allocation);
    assert!(allocations > 10, "{allocations}");
    for failing in 0..allocations {
        let world = World::with(options(32, GraphChoice::Auto));
        world.driver.fail_allocation_after(0, failing);
        let mut opened = world.open(&source);
        if let Err(error) = &opened {
            assert!(matches!(error, BackendError::OutOfMemory { .. }), "{failing}: {error:?}");
            assert_eq!(world.driver.held(0), [0; 7], "{failing}");
            opened = world.open(&source);
        }
        let mut session = opened.unwrap();
        match embed(session.as_mut(), &texts) {
            Err(BackendError::OutOfMemory { device, requested, .. }) => {
                assert_eq!(device.to_string(), "cuda:0");
                assert!(requested > Bytes::new(0), "{failing}");
                session.trim();
                assert_eq!(embed(session.as_mut(), &texts).unwrap(), expected, "{failing}");
            }
            other => assert_eq!(other.unwrap(), expected, "{failing}"),
        }
        drop(session);
        assert_eq!(world.driver.held(0), [0; 7], "{failing}");
    }
}

#[test]
fn no_more_than_its_part_of_the_memory_is_taken() {
    let source = model("bert-mean");
    let memory = Bytes::new(128 << 20);
    let cards = EmulatedOptions { memory, ..EmulatedOptions::default() };
    let check = |memory_fraction, fits: bool| {
        let world = World::of(cards, CudaOptions { memory_fraction, ..CudaOptions::default() });
        let mut session = world.open(&source).unwrap();
        match (embed(session.as_mut(), &batch(&[20])), fits) {
            (Ok(_), true) => {}
            (Err(BackendError::OutOfMemory { requested, free, .. }), false) => {
                assert!(requested > free.unwrap(), "{requested} {free:?}");
                assert!(free.unwrap() <= Bytes::new(memory.get() / 10), "{free:?}");
            }
            (other, _) => panic!("{memory_fraction}: {other:?}"),
        }
        assert!(world.driver.used(0) as f64 <= memory.get() as f64 * memory_fraction);
    };
    check(1.0, true);
    // A product may use 32 MiB for parts of its sums.
    check(0.1, false);
}

#[test]
fn a_session_tells_its_memory() {
    let world = World::new();
    let mut session = world.open(&model("bert-mean")).unwrap();
    embed(session.as_mut(), &batch(&[20])).unwrap();
    let memory = session.memory();
    let held = memory.weights.unwrap().get() + memory.workspace.unwrap().get();
    assert_eq!(held, world.driver.used(0));
    let DeviceMemory::Own { total, free } = session.device_memory() else { panic!("it has its own") };
    assert_eq!(free.get(), total.get() - held);
    session.trim();
    assert_eq!(session.memory().workspace, Some(Bytes::new(0)));
}

#[test]
fn a_lost_device_is_told_and_can_be_opened_anew() {
    let world = World::new();
    let source = model("bert-mean");
    let texts = batch(&[12, 30]);
    let mut session = world.open(&source).unwrap();
    let expected = embed(session.as_mut(), &texts).unwrap();
    world.driver.lose_after(0, 3);
    for _ in 0..2 {
        let error = embed(session.as_mut(), &texts).unwrap_err();
        assert!(matches!(&error, BackendError::DeviceLost { device, .. } if device.index == 0), "{error:?}");
        session.trim();
    }
    let mut anew = world.open(&source).unwrap();
    assert_eq!(embed(anew.as_mut(), &texts).unwrap(), expected);
}

#[test]
fn what_a_card_cannot_do_is_refused() {
    let check = |major, minor, precision, supported: &[Precision]| {
        let cards = EmulatedOptions { capability: Version::new(major, minor), ..EmulatedOptions::default() };
        let world = World::of(cards, CudaOptions::default());
        let opened = world.backend.open(request(&model("bert-mean"), precision));
        match opened.map(|session| session.capabilities().precision) {
            Ok(found) => assert_eq!((found, supported), (precision, &[][..])),
            Err(BackendError::UnsupportedPrecision { supported: found, .. }) => assert_eq!(found, supported),
            Err(error) => panic!("{error:?}"),
        }
    };
    use Precision::{Bf16, F16, F32, Fp8, Tf32};
    check(7, 5, Bf16, &[F32, F16]);
    check(7, 5, Tf32, &[F32, F16]);
    check(7, 5, F16, &[]);
    check(8, 0, Bf16, &[]);
    check(9, 0, Fp8, &[Bf16, Tf32, F16, F32]);
    let world = World::new();
    let session = world.backend.open(OpenRequest::new(model("bert-mean"))).unwrap();
    assert_eq!(session.capabilities().precision, Bf16, "what the card is fastest in");
}

#[test]
fn a_device_that_is_not_there_is_named_with_those_that_are() {
    let world = World::of(EmulatedOptions { cards: 2, ..EmulatedOptions::default() }, CudaOptions::default());
    let Probe::Found(devices) = world.backend.probe() else { panic!("there are two") };
    assert_eq!(devices.iter().map(|device| device.id.index).collect::<Vec<_>>(), [0, 1]);
    let opened = world.backend.open(OpenRequest::new(model("bert-mean")).with_device(Some(7)));
    let error = opened.map(|_session| ()).unwrap_err();
    assert_eq!(error.to_string(), "backend `cuda` has no device 7: it has 0, 1");
    let session = world.backend.open(OpenRequest::new(model("bert-mean")).with_device(Some(1))).unwrap();
    assert_eq!(session.capabilities().device.to_string(), "cuda:1");
    assert!(world.driver.used(0) == 0 && world.driver.used(1) > 0);
}
