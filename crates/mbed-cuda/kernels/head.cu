// What happens to pooled vectors, in binary32: lengths, sums, and the form in which they leave the device.

#define WARPS 4

// The number to divide by so that the first `width` values have length 1 (`torch.nn.functional.normalize`).
static __device__ __forceinline__ float length_of(const float* row, int width) {
    float squares = 0.0f;
    for (int column = threadIdx.x % 32; column < width; column += 32) {
        squares += row[column] * row[column];
    }
    return fmaxf(sqrtf(warp_sum(squares)), 1e-12f);
}

static __device__ __forceinline__ i64 own_row() {
    return static_cast<i64>(blockIdx.x) * WARPS + threadIdx.x / 32;
}

extern "C" __global__ void __launch_bounds__(32 * WARPS) normalise(float* values, int rows, int width) {
    i64 number = own_row();
    if (number >= rows) {
        return;
    }
    float* row = values + number * width;
    float length = length_of(row, width);
    for (int column = threadIdx.x % 32; column < width; column += 32) {
        row[column] /= length;
    }
}

// The first `dimensions` of each row, divided by their length where `unit_length` is not 0.
template <class T>
__device__ __forceinline__ void take(T* output, const float* input, int unit_length, int rows, int width,
                                     int dimensions) {
    i64 number = own_row();
    if (number >= rows) {
        return;
    }
    const float* row = input + number * width;
    float length = unit_length != 0 ? length_of(row, dimensions) : 1.0f;
    for (int column = threadIdx.x % 32; column < dimensions; column += 32) {
        output[number * dimensions + column] = narrow<T>(row[column] / length);
    }
}

extern "C" __global__ void __launch_bounds__(32 * WARPS)
    take_f32(float* output, const float* input, int unit_length, int rows, int width, int dimensions) {
    take(output, input, unit_length, rows, width, dimensions);
}

extern "C" __global__ void __launch_bounds__(32 * WARPS)
    take_f16(Half* output, const float* input, int unit_length, int rows, int width, int dimensions) {
    take(output, input, unit_length, rows, width, dimensions);
}

extern "C" __global__ void __launch_bounds__(32 * WARPS)
    take_bf16(Brain* output, const float* input, int unit_length, int rows, int width, int dimensions) {
    take(output, input, unit_length, rows, width, dimensions);
}

// `target += addend`
extern "C" __global__ void __launch_bounds__(256) add(float* target, const float* addend, i64 count) {
    i64 index = static_cast<i64>(blockIdx.x) * 256 + threadIdx.x;
    if (index < count) {
        target[index] += addend[index];
    }
}
