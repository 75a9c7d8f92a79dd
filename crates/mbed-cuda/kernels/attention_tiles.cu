// Attention on tensor cores: a warp has 16 queries of one head and walks over their keys, with softmax as it goes
// (Milakov, Gimelshein: Online normalizer calculation for softmax, 2018; Dao et al.: FlashAttention, 2022).
//
// HEAD_SIZE is 32, 64, 96 or 128, and WITH_TABLE is defined where something is added to scores. Operands are 16-bit;
// scores, softmax and sums are binary32.

// Keys that are in shared memory at a time: what keeps two stages of them below 48 KiB.
#define KEYS (HEAD_SIZE <= 64 ? 64 : 32)

// Eight values more than a row has: eight rows then begin in different banks, and a matrix is read without conflicts.
#define STRIDE (HEAD_SIZE + 8)

// Keys of the next step come in while those of this one are used, where memory can be copied past the registers.
#if __CUDA_ARCH__ >= 800
#define STAGES 2
#else
#define STAGES 1
#endif

struct alignas(16) Shared {
    Element keys[STAGES][KEYS][STRIDE];
    Element values[STAGES][KEYS][STRIDE];
};

static __device__ __forceinline__ u32 shared_address(const void* place) {
    return static_cast<u32>(__cvta_generic_to_shared(place));
}

// 16 bytes from global to shared memory, or zeros.
static __device__ __forceinline__ void copy16(Element* to, const Element* from, bool present) {
#if __CUDA_ARCH__ >= 800
    int bytes = present ? 16 : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from), "r"(bytes)
                 : "memory");
#else
    int4 zeros = {0, 0, 0, 0};
    *reinterpret_cast<int4*>(to) = present ? *reinterpret_cast<const int4*>(from) : zeros;
#endif
}

static __device__ __forceinline__ void end_copies() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// Waits for all but the last group of copies.
static __device__ __forceinline__ void await_copies() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group 1;" ::: "memory");
#endif
}

// Four 8 x 8 matrices, the row `lane % 8` of matrix `lane / 8` from each thread's place. A thread gets values
// `2 (lane % 4)` and the next one of row `lane / 4`.
static __device__ __forceinline__ void load_matrices(u32 (&to)[4], const Element* place) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(shared_address(place))
                 : "memory");
}

// The same of the transposed matrices.
static __device__ __forceinline__ void load_transposed(u32 (&to)[4], const Element* place) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(shared_address(place))
                 : "memory");
}

// `sums += left right` for 16 x 16 times 16 x 8. Of the left one a thread has, for row `r = lane / 4` and column
// `c = 2 (lane % 4)`, the pairs at (r, c), (r + 8, c), (r, c + 8), (r + 8, c + 8); of the right one those at rows c and
// c + 8 of column r; of the sums those at (r, c) and (r + 8, c).
static __device__ __forceinline__ void multiply_add(float (&sums)[4], const u32 (&left)[4], u32 low, u32 high) {
#if defined(ELEMENT_BF16)
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "r"(low), "r"(high));
#elif __CUDA_ARCH__ >= 800
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "r"(low), "r"(high));
#else
    // Turing multiplies half as many columns at a time.
    asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(left[0]), "r"(left[1]), "r"(low));
    asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(left[2]), "r"(left[3]), "r"(high));
#endif
}

static __device__ __forceinline__ u32 packed(float low, float high) {
    return static_cast<u32>(narrow<Element>(low).bits) | static_cast<u32>(narrow<Element>(high).bits) << 16;
}

static __device__ __forceinline__ float exp2_fast(float value) {
    float power;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(value));
    return power;
}

// The larger of what the four threads of a row have; and their sum.
static __device__ __forceinline__ float row_top(float value) {
    value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, 1));
    return fmaxf(value, __shfl_xor_sync(0xffffffffu, value, 2));
}

static __device__ __forceinline__ float row_sum(float value) {
    value += __shfl_xor_sync(0xffffffffu, value, 1);
    return value + __shfl_xor_sync(0xffffffffu, value, 2);
}

// Keys and values from `first` on into shared memory, zeros behind the sequence: what is multiplied by a share of zero
// must be a number. No more than `needed` rows, which is a multiple of 16 unless it is all.
static __device__ __forceinline__ void fetch(Element (&keys)[KEYS][STRIDE], Element (&values)[KEYS][STRIDE],
                                             const Element* key, const Element* value, i64 row, int first, int length,
                                             int needed) {
    constexpr int PIECES = HEAD_SIZE / 8;
    for (int index = threadIdx.x; index < needed * PIECES; index += blockDim.x) {
        int token = index / PIECES;
        int column = index % PIECES * 8;
        bool present = first + token < length;
        // An absent one still needs an address that may be read.
        i64 place = (present ? first + token : 0) * row + column;
        copy16(&keys[token][column], key + place, present);
        copy16(&values[token][column], value + place, present);
    }
}

static __device__ __forceinline__ int rows_needed(int first, int end) {
    return min(KEYS, (end - first + 15) / 16 * 16);
}

// The walk of one warp: its queries in the form of a left operand, and what it has summed up.
struct Walk {
    u32 queries[HEAD_SIZE / 16][4];
    float sums[HEAD_SIZE / 8][4];
    float top[2];
    float total[2];

    // Queries from `query` on; zeros behind the sequence.
    __device__ __forceinline__ void begin(const Element* first_query, i64 row, int query, int length) {
        int lane = threadIdx.x % 32;
#pragma unroll
        for (int step = 0; step < HEAD_SIZE / 16; step++) {
#pragma unroll
            for (int part = 0; part < 4; part++) {
                int token = query + lane / 4 + part % 2 * 8;
                int column = step * 16 + lane % 4 * 2 + part / 2 * 8;
                const Element* place = first_query + token * row + column;
                queries[step][part] = token < length ? *reinterpret_cast<const u32*>(place) : 0u;
            }
        }
#pragma unroll
        for (int step = 0; step < HEAD_SIZE / 8; step++) {
#pragma unroll
            for (int i = 0; i < 4; i++) {
                sums[step][i] = 0.0f;
            }
        }
        top[0] = top[1] = MINUS_INFINITY;
        total[0] = total[1] = 0.0f;
    }

    // Products of the queries with the keys in shared memory, `needed` of them.
    __device__ __forceinline__ void score(float (&scores)[KEYS / 8][4], const Element (&keys)[KEYS][STRIDE],
                                          int needed) {
        int lane = threadIdx.x % 32;
#pragma unroll
        for (int eight = 0; eight < KEYS / 8; eight++) {
#pragma unroll
            for (int i = 0; i < 4; i++) {
                scores[eight][i] = 0.0f;
            }
            if (eight * 8 < needed) {
#pragma unroll
                for (int step = 0; step < HEAD_SIZE / 32; step++) {
                    u32 right[4];
                    load_matrices(right, &keys[eight * 8 + lane % 8][step * 32 + lane / 8 * 8]);
                    multiply_add(scores[eight], queries[2 * step], right[0], right[1]);
                    multiply_add(scores[eight], queries[2 * step + 1], right[2], right[3]);
                }
            }
        }
    }

    // Scores become shares: scaled, with what is added, in powers of two; the sums so far shrink to the new largest.
    __device__ __forceinline__ void weigh(float (&scores)[KEYS / 8][4], const Attention& attention, int query,
                                          int first, int length, bool all_see) {
        int lane = threadIdx.x % 32;
        float tops[2] = {top[0], top[1]};
#pragma unroll
        for (int eight = 0; eight < KEYS / 8; eight++) {
#pragma unroll
            for (int i = 0; i < 4; i++) {
                int own_query = query + lane / 4 + i / 2 * 8;
                int key = first + eight * 8 + lane % 4 * 2 + i % 2;
                bool seen = all_see || attention.sees(own_query, key, length);
#if !defined(WITH_TABLE)
                float score = scores[eight][i] * (attention.scale * LOG2_E);
#else
                // Queries behind the sequence are in no table, and what they give is not kept.
                float bias = seen && own_query < length ? attention.bias(own_query, key) : 0.0f;
                float score = (scores[eight][i] * attention.scale + bias) * LOG2_E;
#endif
                scores[eight][i] = seen ? score : MINUS_INFINITY;
                tops[i / 2] = fmaxf(tops[i / 2], scores[eight][i]);
            }
        }
#pragma unroll
        for (int half = 0; half < 2; half++) {
            float new_top = row_top(tops[half]);
            // A query that has seen no key yet: any base but infinity leaves its shares zero.
            tops[half] = new_top == MINUS_INFINITY ? 0.0f : new_top;
            float factor = exp2_fast(top[half] - tops[half]);
            top[half] = new_top;
            total[half] *= factor;
#pragma unroll
            for (int step = 0; step < HEAD_SIZE / 8; step++) {
                sums[step][2 * half] *= factor;
                sums[step][2 * half + 1] *= factor;
            }
        }
#pragma unroll
        for (int eight = 0; eight < KEYS / 8; eight++) {
#pragma unroll
            for (int i = 0; i < 4; i++) {
                scores[eight][i] = exp2_fast(scores[eight][i] - tops[i / 2]);
                total[i / 2] += scores[eight][i];
            }
        }
    }

    // Adds the values in shared memory by their shares. Sums of one product lie as the next one's left operand does.
    __device__ __forceinline__ void gather(const float (&shares)[KEYS / 8][4], const Element (&values)[KEYS][STRIDE],
                                           int needed) {
        int lane = threadIdx.x % 32;
#pragma unroll
        for (int sixteen = 0; sixteen < KEYS / 16; sixteen++) {
            if (sixteen * 16 < needed) {
                const float(&low)[4] = shares[2 * sixteen];
                const float(&high)[4] = shares[2 * sixteen + 1];
                u32 left[4] = {packed(low[0], low[1]), packed(low[2], low[3]), packed(high[0], high[1]),
                               packed(high[2], high[3])};
#pragma unroll
                for (int step = 0; step < HEAD_SIZE / 16; step++) {
                    u32 right[4];
                    load_transposed(right, &values[sixteen * 16 + lane % 16][step * 16 + lane / 16 * 8]);
                    multiply_add(sums[2 * step], left, right[0], right[1]);
                    multiply_add(sums[2 * step + 1], left, right[2], right[3]);
                }
            }
        }
    }

    // Writes the contexts of queries from `query` on that the sequence has.
    __device__ __forceinline__ void finish(Element* first_context, i64 row, int query, int length) {
        int lane = threadIdx.x % 32;
#pragma unroll
        for (int half = 0; half < 2; half++) {
            int token = query + lane / 4 + half * 8;
            float whole = row_sum(total[half]);
            float factor = whole > 0.0f ? 1.0f / whole : 0.0f;
            if (token < length) {
                u32* place = reinterpret_cast<u32*>(first_context + token * row + lane % 4 * 2);
#pragma unroll
                for (int step = 0; step < HEAD_SIZE / 8; step++) {
                    place[step * 4] = packed(sums[step][2 * half] * factor, sums[step][2 * half + 1] * factor);
                }
            }
        }
    }
};

template <int WARPS>
__device__ __forceinline__ void attend(const Attention& attention) {
    __shared__ Shared shared;
    Tile tile = attention.tiles[blockIdx.x];
    if (tile.sequence < 0) {
        return;
    }
    int sequence = attention.offsets[tile.sequence];
    int length = attention.offsets[tile.sequence + 1] - sequence;
    int head = blockIdx.y;
    int key_head = attention.heads + head / (attention.heads / attention.key_value_heads);
    i64 row = static_cast<i64>(attention.heads + 2 * attention.key_value_heads) * HEAD_SIZE;
    const Element* tokens = attention.qkv + sequence * row;
    const Element* key = tokens + key_head * HEAD_SIZE;
    const Element* value = key + attention.key_value_heads * HEAD_SIZE;
    int last = min(tile.query + 16 * WARPS, length) - 1;
    int begin = max(0, tile.query - attention.before) / KEYS * KEYS;
    int end = min(length, last + attention.after + 1);
    int query = tile.query + threadIdx.x / 32 * 16;

    Walk walk;
    walk.begin(tokens + head * HEAD_SIZE, row, query, length);
    if (STAGES == 2) {
        fetch(shared.keys[0], shared.values[0], key, value, row, begin, length, rows_needed(begin, end));
        end_copies();
    }
    int stage = 0;
    for (int first = begin; first < end; first += KEYS) {
        int fetched = first + (STAGES - 1) * KEYS;
        if (fetched < end) {
            int other = (stage + STAGES - 1) % STAGES;
            fetch(shared.keys[other], shared.values[other], key, value, row, fetched, length,
                  rows_needed(fetched, end));
        }
        end_copies();
        await_copies();
        __syncthreads();
        int needed = rows_needed(first, end);
        bool all_see = first + KEYS <= length && first >= last - attention.before &&
                       first + KEYS - 1 <= tile.query + attention.after && tile.query + 16 * WARPS <= length;
        // The same for all of a warp: one whose queries lie behind the sequence only helps to fetch.
        if (query < length) {
            float scores[KEYS / 8][4];
            walk.score(scores, shared.keys[stage], needed);
            walk.weigh(scores, attention, query, first, length, all_see);
            walk.gather(scores, shared.values[stage], needed);
        }
        __syncthreads();
        stage = (stage + 1) % STAGES;
    }
    i64 context_row = static_cast<i64>(attention.heads) * HEAD_SIZE;
    walk.finish(attention.context + sequence * context_row + head * HEAD_SIZE, context_row, query, length);
}

extern "C" __global__ void __launch_bounds__(32) attend_16 ATTENTION_PARAMETERS { attend<1>(ATTENTION); }
extern "C" __global__ void __launch_bounds__(128) attend_64 ATTENTION_PARAMETERS { attend<4>(ATTENTION); }
