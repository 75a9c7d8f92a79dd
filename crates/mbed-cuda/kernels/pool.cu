// From the states of a span of tokens to one vector, in binary32.

// Where a span lies: its first token and the one behind its last in the batch, and the place of the first in its own
// sequence, which weights count from.
struct Span {
    int begin;
    int end;
    int place;
};

#define COLUMNS 32
#define PARTS 8

struct Mean {
    static __device__ __forceinline__ float weight(int) { return 1.0f; }
    static __device__ __forceinline__ float divisor(float weights) { return fmaxf(weights, 1e-9f); }
};

struct MeanSqrtLength {
    static __device__ __forceinline__ float weight(int) { return 1.0f; }
    static __device__ __forceinline__ float divisor(float weights) { return sqrtf(fmaxf(weights, 1e-9f)); }
};

struct WeightedMean {
    static __device__ __forceinline__ float weight(int place) { return static_cast<float>(place + 1); }
    static __device__ __forceinline__ float divisor(float weights) { return fmaxf(weights, 1e-9f); }
};

// Each of `PARTS` threads adds up every eighth token of its column, and the first adds up what they have. In which
// order depends on the span alone.
template <class P>
__device__ __forceinline__ void pool_sum(float* output, const Element* states, const Span* spans, int hidden,
                                         int output_stride, int output_column) {
    __shared__ float sums[PARTS][COLUMNS];
    __shared__ float weights[PARTS];
    Span span = spans[blockIdx.x];
    int column = blockIdx.y * COLUMNS + threadIdx.x;
    float sum = 0.0f;
    float weight = 0.0f;
    for (int token = span.begin + static_cast<int>(threadIdx.y); token < span.end; token += PARTS) {
        float own = P::weight(span.place + token - span.begin);
        weight += own;
        if (column < hidden) {
            sum += own * widen(states[static_cast<i64>(token) * hidden + column]);
        }
    }
    sums[threadIdx.y][threadIdx.x] = sum;
    if (threadIdx.x == 0) {
        weights[threadIdx.y] = weight;
    }
    __syncthreads();
    if (threadIdx.y != 0 || column >= hidden) {
        return;
    }
    weight = weights[0];
#pragma unroll
    for (int part = 1; part < PARTS; part++) {
        sum += sums[part][threadIdx.x];
        weight += weights[part];
    }
    output[static_cast<i64>(blockIdx.x) * output_stride + output_column + column] = sum / P::divisor(weight);
}

#define POOL extern "C" __global__ void __launch_bounds__(COLUMNS* PARTS)
#define PARAMETERS \
    (float* output, const Element* states, const Span* spans, int hidden, int output_stride, int output_column)
#define ARGUMENTS (output, states, spans, hidden, output_stride, output_column)

POOL pool_mean PARAMETERS { pool_sum<Mean> ARGUMENTS; }
POOL pool_mean_sqrt_length PARAMETERS { pool_sum<MeanSqrtLength> ARGUMENTS; }
POOL pool_weighted_mean PARAMETERS { pool_sum<WeightedMean> ARGUMENTS; }

POOL pool_max PARAMETERS {
    __shared__ float tops[PARTS][COLUMNS];
    Span span = spans[blockIdx.x];
    int column = blockIdx.y * COLUMNS + threadIdx.x;
    bool inside = column < hidden;
    // Every part begins with the first token, so that none is empty where the span is not.
    float top = inside && span.begin < span.end ? widen(states[static_cast<i64>(span.begin) * hidden + column]) : 0.0f;
    for (int token = span.begin + static_cast<int>(threadIdx.y); inside && token < span.end; token += PARTS) {
        top = fmaxf(top, widen(states[static_cast<i64>(token) * hidden + column]));
    }
    tops[threadIdx.y][threadIdx.x] = top;
    __syncthreads();
    if (threadIdx.y != 0 || !inside) {
        return;
    }
#pragma unroll
    for (int part = 1; part < PARTS; part++) {
        top = fmaxf(top, tops[part][threadIdx.x]);
    }
    output[static_cast<i64>(blockIdx.x) * output_stride + output_column + column] = top;
}

// One token's state, or zeros for a span without tokens. These two have a thread a column and no parts.
static __device__ __forceinline__ void pool_one(float* output, const Element* states, int token, bool empty,
                                                int hidden, int output_stride, int output_column) {
    int column = (blockIdx.y * PARTS + threadIdx.y) * COLUMNS + threadIdx.x;
    if (column < hidden) {
        float value = empty ? 0.0f : widen(states[static_cast<i64>(token) * hidden + column]);
        output[static_cast<i64>(blockIdx.x) * output_stride + output_column + column] = value;
    }
}

POOL pool_first PARAMETERS {
    Span span = spans[blockIdx.x];
    pool_one(output, states, span.begin, span.begin >= span.end, hidden, output_stride, output_column);
}

POOL pool_last PARAMETERS {
    Span span = spans[blockIdx.x];
    pool_one(output, states, span.end - 1, span.begin >= span.end, hidden, output_stride, output_column);
}
