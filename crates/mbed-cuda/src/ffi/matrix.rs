//! Matrix products by cublasLt: what describes one is made once, and of several ways the fastest is kept.

#![expect(unsafe_code, reason = "cublasLt takes bare handles and addresses")]

use std::collections::HashMap;
use std::ffi::c_void;
use std::mem::MaybeUninit;

use cudarc::cublaslt::{result as lt, sys};
use cudarc::driver::{result as cuda, sys as cuda_sys};

use super::errors::{self, unknown};
use crate::driver::{DriverError, Epilogue, Numbers, Operands, Plan, Product};

/// So many ways are asked for and tried.
const CANDIDATES: usize = 8;

/// `CUBLAS_OP_T` of `cublas_api.h`, an enum that cublasLt's bindings leave out.
const TRANSPOSED: i32 = 1;

/// Each is timed over so many runs, after one to warm up.
const RUNS: u32 = 3;

/// The products of a device.
#[derive(Debug)]
pub(super) struct Matrices {
    handle: usize,
    plans: HashMap<u64, Matrix>,
    last: u64,
}

/// What describes one product. cublasLt counts columns first: it computes `outputᵀ = weight inputᵀ`.
struct Matrix {
    description: sys::cublasLtMatmulDesc_t,
    weight: sys::cublasLtMatrixLayout_t,
    input: sys::cublasLtMatrixLayout_t,
    output: sys::cublasLtMatrixLayout_t,
    way: sys::cublasLtMatmulAlgo_t,
}

// SAFETY: descriptions are memory of the library that is used by one thread at a time, whichever that is (cublasLt's
// documentation, thread safety); they stand behind the lock of their device.
unsafe impl Send for Matrix {}

impl std::fmt::Debug for Matrix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Matrix").finish_non_exhaustive()
    }
}

impl Matrices {
    /// The context must be current, here and in all of its functions.
    pub(super) fn new() -> Result<Self, DriverError> {
        let handle = lt::create_handle().map_err(|said| errors::lt("cublasLtCreate", said))?;
        Ok(Self { handle: handle as usize, plans: HashMap::new(), last: 0 })
    }

    const fn handle(&self) -> sys::cublasLtHandle_t {
        self.handle as sys::cublasLtHandle_t
    }

    pub(super) fn plan(
        &mut self,
        product: &Product,
        operands: &Operands,
        stream: cuda_sys::CUstream,
    ) -> Result<Plan, DriverError> {
        let mut matrix = Matrix::describe(product)?;
        let ways = self.ways(&matrix, operands)?;
        let mut best: Option<(f32, sys::cublasLtMatmulAlgo_t)> = None;
        for way in ways {
            matrix.way = way;
            // A way that does not run is none.
            let Ok(time) = self.time(&matrix, operands, stream) else { continue };
            if best.is_none_or(|(least, _)| time < least) {
                best = Some((time, way));
            }
        }
        let nothing = "no way to compute this product".to_owned();
        let (_, way) =
            best.ok_or(DriverError::Failed { call: "cublasLtMatmulAlgoGetHeuristic", reason: nothing })?;
        matrix.way = way;
        self.last += 1;
        self.plans.insert(self.last, matrix);
        Ok(Plan(self.last))
    }

    pub(super) fn multiply(
        &self,
        plan: Plan,
        operands: &Operands,
        stream: cuda_sys::CUstream,
    ) -> Result<(), DriverError> {
        let matrix = self.plans.get(&plan.0).ok_or_else(|| unknown("cublasLtMatmul"))?;
        matrix.run(self.handle(), operands, stream)
    }

    pub(super) fn forget(&mut self, plan: Plan) {
        self.plans.remove(&plan.0);
    }

    /// Leaves the handle alone from now on.
    pub(super) const fn abandon(&mut self) {
        self.handle = 0;
    }

    /// The ways that the library thinks best, the best first.
    fn ways(
        &self,
        matrix: &Matrix,
        operands: &Operands,
    ) -> Result<Vec<sys::cublasLtMatmulAlgo_t>, DriverError> {
        const CALL: &str = "cublasLtMatmulAlgoGetHeuristic";
        let failed = |said| errors::lt(CALL, said);
        matrix.set_bias(operands)?;
        let preference = lt::create_matmul_pref().map_err(failed)?;
        let most = operands.workspace_bytes;
        let attribute = sys::cublasLtMatmulPreferenceAttributes_t::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES;
        // SAFETY: the preference was just made; this attribute is a 64-bit number.
        let set = unsafe {
            lt::set_matmul_pref_attribute(preference, attribute, (&raw const most).cast(), size_of::<usize>())
        };
        let mut found: Vec<MaybeUninit<sys::cublasLtMatmulHeuristicResult_t>> =
            vec![MaybeUninit::zeroed(); CANDIDATES];
        let mut count = 0;
        let Matrix { description, weight, input, output, .. } = *matrix;
        // SAFETY: all handles are whole, and there is room for as many results as are asked for.
        let said = unsafe {
            sys::cublasLtMatmulAlgoGetHeuristic(
                self.handle(),
                description,
                weight,
                input,
                output,
                output,
                preference,
                CANDIDATES as i32,
                found.as_mut_ptr().cast(),
                &raw mut count,
            )
        };
        // SAFETY: the preference was made here and is given back once.
        let _ = unsafe { lt::destroy_matmul_pref(preference) };
        set.map_err(failed)?;
        said.result().map_err(failed)?;
        let found = found.into_iter().take(usize::try_from(count).unwrap_or(0));
        // SAFETY: the library has written so many results, and the others are zero, which is a value of every field.
        let found = found.map(|result| unsafe { result.assume_init() });
        let usable = found.filter(|result| result.state == sys::cublasStatus_t::CUBLAS_STATUS_SUCCESS);
        Ok(usable.map(|result| result.algo).collect())
    }

    /// Milliseconds of one run.
    fn time(
        &self,
        matrix: &Matrix,
        operands: &Operands,
        stream: cuda_sys::CUstream,
    ) -> Result<f32, DriverError> {
        matrix.run(self.handle(), operands, stream)?;
        let (start, end) = (Moment::new()?, Moment::new()?);
        start.record(stream)?;
        for _ in 0..RUNS {
            matrix.run(self.handle(), operands, stream)?;
        }
        end.record(stream)?;
        end.since(&start)
    }
}

impl Drop for Matrices {
    fn drop(&mut self) {
        if self.handle == 0 {
            return;
        }
        // SAFETY: the handle was made with this and is given back once.
        let _ = unsafe { lt::destroy_handle(self.handle()) };
    }
}

impl Matrix {
    fn describe(product: &Product) -> Result<Self, DriverError> {
        use sys::cublasComputeType_t as Compute;
        let compute = match product.numbers {
            Numbers::Tf32 => Compute::CUBLAS_COMPUTE_32F_FAST_TF32,
            Numbers::F32 | Numbers::F16 | Numbers::Bf16 => Compute::CUBLAS_COMPUTE_32F,
        };
        let format = match product.numbers {
            Numbers::F32 | Numbers::Tf32 => sys::cudaDataType_t::CUDA_R_32F,
            Numbers::F16 => sys::cudaDataType_t::CUDA_R_16F,
            Numbers::Bf16 => sys::cudaDataType_t::CUDA_R_16BF,
        };
        let layout = |rows: usize, columns: usize| {
            let height = i64::try_from(rows).unwrap_or(i64::MAX);
            lt::create_matrix_layout(format, rows as u64, columns as u64, height)
                .map_err(|said| errors::lt("cublasLtMatrixLayoutCreate", said))
        };
        let description = lt::create_matmul_desc(compute, sys::cudaDataType_t::CUDA_R_32F)
            .map_err(|said| errors::lt("cublasLtMatmulDescCreate", said))?;
        let mut made = Self {
            description,
            weight: std::ptr::null_mut(),
            input: std::ptr::null_mut(),
            output: std::ptr::null_mut(),
            way: sys::cublasLtMatmulAlgo_t { data: [0; 8] },
        };
        made.weight = layout(product.inner, product.outputs)?;
        made.input = layout(product.inner, product.rows)?;
        made.output = layout(product.outputs, product.rows)?;
        let transposed = TRANSPOSED;
        made.set(sys::cublasLtMatmulDescAttributes_t::CUBLASLT_MATMUL_DESC_TRANSA, &transposed)?;
        if product.epilogue == Epilogue::Bias {
            let epilogue = sys::cublasLtEpilogue_t::CUBLASLT_EPILOGUE_BIAS;
            made.set(sys::cublasLtMatmulDescAttributes_t::CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue)?;
        }
        Ok(made)
    }

    /// Sets an attribute, whose type must be the one that its documentation names.
    fn set<T: Copy>(
        &self,
        attribute: sys::cublasLtMatmulDescAttributes_t,
        value: &T,
    ) -> Result<(), DriverError> {
        let value: *const T = value;
        // SAFETY: the description lives as long as this; the value is as long as is said and is copied.
        let set = unsafe {
            lt::set_matmul_desc_attribute(self.description, attribute, value.cast(), size_of::<T>())
        };
        set.map_err(|said| errors::lt("cublasLtMatmulDescSetAttribute", said))
    }

    fn set_bias(&self, operands: &Operands) -> Result<(), DriverError> {
        let Some(bias) = operands.bias else { return Ok(()) };
        let attribute = sys::cublasLtMatmulDescAttributes_t::CUBLASLT_MATMUL_DESC_BIAS_POINTER;
        self.set(attribute, &bias.get())
    }

    fn run(
        &self,
        handle: sys::cublasLtHandle_t,
        operands: &Operands,
        stream: cuda_sys::CUstream,
    ) -> Result<(), DriverError> {
        self.set_bias(operands)?;
        let place = |address: crate::kernels::Address| address.get() as usize as *mut c_void;
        let (one, zero) = (1.0_f32, 0.0_f32);
        let Operands { input, weight, output, workspace, workspace_bytes, .. } = *operands;
        // SAFETY: all descriptions are whole, and both factors outlive the call, which reads them before it returns. What it
        // does to the device's memory cannot touch the host's.
        let said = unsafe {
            lt::matmul(
                handle,
                self.description,
                (&raw const one).cast(),
                (&raw const zero).cast(),
                place(weight),
                self.weight,
                place(input),
                self.input,
                place(output),
                self.output,
                place(output),
                self.output,
                &raw const self.way,
                place(workspace),
                workspace_bytes,
                stream.cast(),
            )
        };
        said.map_err(|said| errors::lt("cublasLtMatmul", said))
    }
}

impl Drop for Matrix {
    fn drop(&mut self) {
        for layout in [self.weight, self.input, self.output].into_iter().filter(|layout| !layout.is_null()) {
            // SAFETY: the layout was made with this and is given back once.
            let _ = unsafe { lt::destroy_matrix_layout(layout) };
        }
        // SAFETY: the description was made with this and is given back once.
        let _ = unsafe { lt::destroy_matmul_desc(self.description) };
    }
}

/// An event that tells the time.
struct Moment(cuda_sys::CUevent);

impl Moment {
    fn new() -> Result<Self, DriverError> {
        let made = cuda::event::create(cuda_sys::CUevent_flags::CU_EVENT_DEFAULT);
        made.map(Self).map_err(|said| errors::driver("cuEventCreate", 0, said))
    }

    fn record(&self, stream: cuda_sys::CUstream) -> Result<(), DriverError> {
        // SAFETY: the event lives as long as this, the stream is of this device.
        let recorded = unsafe { cuda::event::record(self.0, stream) };
        recorded.map_err(|said| errors::driver("cuEventRecord", 0, said))
    }

    /// Milliseconds from `start` to this, which is waited for.
    fn since(&self, start: &Self) -> Result<f32, DriverError> {
        // SAFETY: the event lives as long as this.
        let waited = unsafe { cuda::event::synchronize(self.0) };
        waited.map_err(|said| errors::driver("cuEventSynchronize", 0, said))?;
        // SAFETY: both events live, were recorded, and this one has happened.
        let elapsed = unsafe { cuda::event::elapsed(start.0, self.0) };
        elapsed.map_err(|said| errors::driver("cuEventElapsedTime", 0, said))
    }
}

impl Drop for Moment {
    fn drop(&mut self) {
        // SAFETY: the event was made with this and is given back once.
        let _ = unsafe { cuda::event::destroy(self.0) };
    }
}
