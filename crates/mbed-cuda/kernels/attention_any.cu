// Attention in binary32 for every number format and any head size up to 256, without tensor cores.
//
// A block has `TILE` queries of one head and walks over as many keys at a time. `128 / TILE` threads have one query:
// each makes every so manieth of its scores, and then every so manieth value of its context.

#define THREADS 128
#define COLUMNS_OF_THREAD 32

// A tile of rows, binary32, one value apart so that a column lies in different banks.
template <int TILE>
__device__ __forceinline__ void fetch(float* room, const Element* rows, i64 row, int first, int length,
                                      int head_size) {
    for (int index = threadIdx.x; index < TILE * head_size; index += THREADS) {
        int token = index / head_size;
        int column = index % head_size;
        bool present = first + token < length;
        room[token * (head_size + 1) + column] = present ? widen(rows[(first + token) * row + column]) : 0.0f;
    }
}

template <int TILE>
__device__ __forceinline__ void attend(const Attention& attention, int head_size) {
    constexpr int PARTS = THREADS / TILE;
    constexpr int SCORES = TILE / PARTS;
    extern __shared__ float room[];
    Tile tile = attention.tiles[blockIdx.x];
    if (tile.sequence < 0) {
        return;
    }
    int padded = head_size + 1;
    float* queries = room;
    float* others = queries + TILE * padded;
    float* shares = others + TILE * padded;
    int sequence = attention.offsets[tile.sequence];
    int length = attention.offsets[tile.sequence + 1] - sequence;
    int head = blockIdx.y;
    int key_head = attention.heads + head / (attention.heads / attention.key_value_heads);
    i64 row = static_cast<i64>(attention.heads + 2 * attention.key_value_heads) * head_size;
    const Element* tokens = attention.qkv + sequence * row;
    const Element* keys = tokens + key_head * head_size;
    const Element* values = keys + attention.key_value_heads * head_size;
    int begin = max(0, tile.query - attention.before) / TILE * TILE;
    int end = min(length, min(tile.query + TILE, length) + attention.after);
    int own = threadIdx.x / PARTS;
    int part = threadIdx.x % PARTS;
    int query = tile.query + own;

    float sums[COLUMNS_OF_THREAD];
#pragma unroll
    for (int i = 0; i < COLUMNS_OF_THREAD; i++) {
        sums[i] = 0.0f;
    }
    float top = MINUS_INFINITY;
    float total = 0.0f;
    fetch<TILE>(queries, tokens + head * head_size, row, tile.query, length, head_size);
    for (int first = begin; first < end; first += TILE) {
        fetch<TILE>(others, keys, row, first, length, head_size);
        __syncthreads();
        float scores[SCORES];
#pragma unroll
        for (int i = 0; i < SCORES; i++) {
            scores[i] = 0.0f;
        }
#pragma unroll 2
        for (int column = 0; column < head_size; column++) {
            float value = queries[own * padded + column];
#pragma unroll
            for (int i = 0; i < SCORES; i++) {
                scores[i] += value * others[(part + i * PARTS) * padded + column];
            }
        }
        float new_top = top;
#pragma unroll
        for (int i = 0; i < SCORES; i++) {
            int key = first + part + i * PARTS;
            bool seen = query < length && attention.sees(query, key, length);
            scores[i] = seen ? scores[i] * attention.scale + attention.bias(query, key) : MINUS_INFINITY;
            new_top = fmaxf(new_top, scores[i]);
        }
#pragma unroll
        for (int distance = PARTS / 2; distance > 0; distance /= 2) {
            new_top = fmaxf(new_top, __shfl_xor_sync(0xffffffffu, new_top, distance));
        }
        float base = new_top == MINUS_INFINITY ? 0.0f : new_top;
        float factor = expf(top - base);
        top = new_top;
        total *= factor;
#pragma unroll
        for (int i = 0; i < SCORES; i++) {
            float share = expf(scores[i] - base);
            total += share;
            shares[own * (TILE + 1) + part + i * PARTS] = share;
        }
        // All scores are made, so the values take the place of the keys.
        __syncthreads();
        fetch<TILE>(others, values, row, first, length, head_size);
        __syncthreads();
#pragma unroll
        for (int i = 0; i < COLUMNS_OF_THREAD; i++) {
            sums[i] *= factor;
        }
#pragma unroll 2
        for (int key = 0; key < TILE; key++) {
            float share = shares[own * (TILE + 1) + key];
#pragma unroll
            for (int i = 0; i < COLUMNS_OF_THREAD; i++) {
                int column = part + i * PARTS;
                if (column < head_size) {
                    sums[i] += share * others[key * padded + column];
                }
            }
        }
        __syncthreads();
    }
#pragma unroll
    for (int distance = PARTS / 2; distance > 0; distance /= 2) {
        total += __shfl_xor_sync(0xffffffffu, total, distance);
    }
    if (query >= length) {
        return;
    }
    i64 context_row = static_cast<i64>(attention.heads) * head_size;
    Element* context = attention.context + (sequence + query) * context_row + head * head_size;
#pragma unroll
    for (int i = 0; i < COLUMNS_OF_THREAD; i++) {
        int column = part + i * PARTS;
        if (column < head_size) {
            context[column] = narrow<Element>(sums[i] / total);
        }
    }
}

extern "C" __global__ void __launch_bounds__(THREADS) attend_32_any ATTENTION_PARAMETERS {
    attend<32>(ATTENTION, head_size);
}

extern "C" __global__ void __launch_bounds__(THREADS) attend_16_any ATTENTION_PARAMETERS {
    attend<16>(ATTENTION, head_size);
}
