// A row of values that a group of threads holds in registers, so that a norm reads memory once.

// What a norm computes.
#define NORM_NONE 0
#define NORM_LAYER 1
#define NORM_RMS 2

// Scale and shift of a norm, one number a column; `shift` may be absent.
struct Norm {
    int kind;
    const float* scale;
    const float* shift;
    float epsilon;
};

// `THREADS` threads, 32 or 256, hold one row, and read `STEP` values at a time. Of 256 a block has one row, of 32 as
// many as it has warps. Rows that are not whole steps of four are rare and short, so that they get fewer registers.
template <int THREADS, int STEP>
struct Row {
    static constexpr int HELD = STEP == 4 ? 32 : 8;
    float values[HELD];
    int thread;
    int width;

    __device__ __forceinline__ explicit Row(int row_width) : thread(threadIdx.x % THREADS), width(row_width) {
#pragma unroll
        for (int i = 0; i < HELD; i++) {
            values[i] = 0.0f;
        }
    }

    // The row that this thread works on.
    static __device__ __forceinline__ i64 number() {
        return static_cast<i64>(blockIdx.x) * (blockDim.x / THREADS) + threadIdx.x / THREADS;
    }

    // Calls `work(column, values of STEP columns)` for all that this thread holds.
    template <class F>
    __device__ __forceinline__ void each(F work) {
#pragma unroll
        for (int step = 0; step < HELD / STEP; step++) {
            int column = (step * THREADS + thread) * STEP;
            if (column < width) {
                work(column, values + step * STEP);
            }
        }
    }

    // Adds `factor` times a row in memory.
    template <class T>
    __device__ __forceinline__ void add(const T* row, float factor) {
        each([&](int column, float* held) {
            float read[STEP];
            load<STEP>(row + column, read);
#pragma unroll
            for (int i = 0; i < STEP; i++) {
                held[i] += factor * read[i];
            }
        });
    }

    template <class T>
    __device__ __forceinline__ void write(T* row) {
        each([&](int column, float* held) {
            float written[STEP];
#pragma unroll
            for (int i = 0; i < STEP; i++) {
                written[i] = held[i];
            }
            store<STEP>(row + column, written);
        });
    }

    __device__ __forceinline__ float sum(float part) {
        part = warp_sum(part);
        if (THREADS == 32) {
            return part;
        }
        __shared__ float parts[THREADS / 32];
        // What an earlier sum left there has been read by all.
        __syncthreads();
        if (thread % 32 == 0) {
            parts[thread / 32] = part;
        }
        __syncthreads();
        float all = 0.0f;
#pragma unroll
        for (int i = 0; i < THREADS / 32; i++) {
            all += parts[i];
        }
        return all;
    }

    // Mean first, then the mean of squared differences: their one-pass form cancels where the mean is large.
    __device__ __forceinline__ void normalise(const Norm& norm) {
        if (norm.kind == NORM_NONE) {
            return;
        }
        float mean = 0.0f;
        if (norm.kind == NORM_LAYER) {
            float part = 0.0f;
            each([&](int, float* held) {
#pragma unroll
                for (int i = 0; i < STEP; i++) {
                    part += held[i];
                }
            });
            mean = sum(part) / width;
        }
        float squares = 0.0f;
        each([&](int, float* held) {
#pragma unroll
            for (int i = 0; i < STEP; i++) {
                held[i] -= mean;
                squares += held[i] * held[i];
            }
        });
        float factor = 1.0f / sqrtf(sum(squares) / width + norm.epsilon);
        each([&](int column, float* held) {
            float scale[STEP];
            float shift[STEP] = {};
            load<STEP>(norm.scale + column, scale);
            if (norm.shift != nullptr) {
                load<STEP>(norm.shift + column, shift);
            }
#pragma unroll
            for (int i = 0; i < STEP; i++) {
                held[i] = held[i] * factor * scale[i] + shift[i];
            }
        });
    }
};

// The four forms of a kernel over rows: a warp or a block a row, four values at a time or one.
#define ROW_KERNELS(NAME, PARAMETERS, ARGUMENTS)                                                                   \
    extern "C" __global__ void __launch_bounds__(128) NAME##_warp4 PARAMETERS { NAME##_rows<32, 4> ARGUMENTS; }    \
    extern "C" __global__ void __launch_bounds__(128) NAME##_warp1 PARAMETERS { NAME##_rows<32, 1> ARGUMENTS; }    \
    extern "C" __global__ void __launch_bounds__(256) NAME##_block4 PARAMETERS { NAME##_rows<256, 4> ARGUMENTS; }  \
    extern "C" __global__ void __launch_bounds__(256) NAME##_block1 PARAMETERS { NAME##_rows<256, 1> ARGUMENTS; }
