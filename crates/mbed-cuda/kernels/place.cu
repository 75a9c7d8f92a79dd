// What happens to queries and keys between their product and attention: each head's are normalised, then rotated to
// the token's position.

#define HEADS_OF_BLOCK 4
#define LONGEST_HEAD 256

#define NORM_NONE 0
#define NORM_LAYER 1

#define PAIR_NONE 0
#define PAIR_HALVES 1

// One warp a head of a token; a thread holds two neighbours of every 64 values.
extern "C" __global__ void __launch_bounds__(32 * HEADS_OF_BLOCK)
    place(Element* qkv, int heads, int key_value_heads, int head_size, int norm_kind, const float* query_scale,
          const float* query_shift, const float* key_scale, const float* key_shift, float epsilon, int pairing,
          int pairs, const float* cosines, const float* sines, const int* positions) {
    __shared__ float rows[HEADS_OF_BLOCK][LONGEST_HEAD];
    int lane = threadIdx.x % 32;
    int warp = threadIdx.x / 32;
    int head = blockIdx.y * HEADS_OF_BLOCK + warp;
    if (head >= heads + key_value_heads) {
        return;
    }
    i64 token = blockIdx.x;
    // Keys lie behind queries, so a head's number among both is its place.
    Element* values = qkv + (token * (heads + 2 * key_value_heads) + head) * head_size;
    float* row = rows[warp];
    float part = 0.0f;
    for (int column = 2 * lane; column < head_size; column += 64) {
        float read[2];
        load<2>(values + column, read);
        row[column] = read[0];
        row[column + 1] = read[1];
        part += read[0] + read[1];
    }
    if (norm_kind != NORM_NONE) {
        float mean = norm_kind == NORM_LAYER ? warp_sum(part) / head_size : 0.0f;
        float squares = 0.0f;
        for (int column = 2 * lane; column < head_size; column += 64) {
            float first = row[column] - mean;
            float second = row[column + 1] - mean;
            squares += first * first + second * second;
        }
        float factor = 1.0f / sqrtf(warp_sum(squares) / head_size + epsilon);
        const float* scale = head < heads ? query_scale : key_scale;
        const float* shift = head < heads ? query_shift : key_shift;
        for (int column = 2 * lane; column < head_size; column += 64) {
            for (int i = column; i < column + 2; i++) {
                row[i] = (row[i] - mean) * factor * scale[i] + (shift == nullptr ? 0.0f : shift[i]);
            }
        }
    }
    __syncwarp();
    if (pairing != PAIR_NONE) {
        i64 turn = static_cast<i64>(positions[token]) * pairs;
        for (int pair = lane; pair < pairs; pair += 32) {
            int left = pairing == PAIR_HALVES ? pair : 2 * pair;
            int right = pairing == PAIR_HALVES ? pair + pairs : 2 * pair + 1;
            float cosine = cosines[turn + pair];
            float sine = sines[turn + pair];
            float a = row[left];
            float b = row[right];
            row[left] = a * cosine - b * sine;
            row[right] = b * cosine + a * sine;
        }
    }
    __syncwarp();
    for (int column = 2 * lane; column < head_size; column += 64) {
        float written[2] = {row[column], row[column + 1]};
        store<2>(values + column, written);
    }
}
