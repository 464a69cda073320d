/* Strided arrays copied into C order.
 *
 * Two axes matter: the last, which is contiguous in the copy, and the one along which the original
 * lies closest together.  Where these differ the copy is a transposition, done in tiles that fit
 * the nearest cache, since either order alone would use an eighth of every line it loads.
 */
#include "packing.h"

#include <string.h>

#define LINE 64      /* bytes of a line of the cache: written whole */
#define TILE_ROWS 32 /* the faster of several, measured */
enum { MOST_AXES = 64 };

typedef struct {
    uint64_t half[2];
} wide;

/* Element (i, j) goes to `to + i * line + j * size`. */
#define COPY(type)                                                                                 \
    static void copy_##type(char *to, int64_t line, const char *from, int64_t row, int64_t column, \
                            int64_t rows, int64_t columns)                                         \
    {                                                                                              \
        const int64_t width = LINE / (int64_t)sizeof(type);                                        \
        for (int64_t j0 = 0; j0 < columns; j0 += width)                                            \
            for (int64_t i0 = 0; i0 < rows; i0 += TILE_ROWS) {                                     \
                const int64_t i1 = i0 + TILE_ROWS < rows ? i0 + TILE_ROWS : rows;                  \
                const int64_t j1 = j0 + width < columns ? j0 + width : columns;                    \
                for (int64_t i = i0; i < i1; i++) {                                                \
                    type *into = (type *)(to + i * line);                                          \
                    for (int64_t j = j0; j < j1; j++)                                              \
                        into[j] = *(const type *)(from + i * row + j * column);                    \
                }                                                                                  \
            }                                                                                      \
    }                                                                                              \
    static void gather_##type(char *to, const char *from, int64_t column, int64_t columns)         \
    {                                                                                              \
        for (int64_t j = 0; j < columns; j++)                                                      \
            ((type *)to)[j] = *(const type *)(from + j * column);                                  \
    }

COPY(uint8_t)
COPY(uint16_t)
COPY(uint32_t)
COPY(uint64_t)
COPY(wide)

static void pack_pair(char *to, int64_t line, const char *from, int64_t row, int64_t column,
                 int64_t rows, int64_t columns, int32_t size)
{
    switch (size) {
    case 1: copy_uint8_t(to, line, from, row, column, rows, columns); break;
    case 2: copy_uint16_t(to, line, from, row, column, rows, columns); break;
    case 4: copy_uint32_t(to, line, from, row, column, rows, columns); break;
    case 8: copy_uint64_t(to, line, from, row, column, rows, columns); break;
    default: copy_wide(to, line, from, row, column, rows, columns); break;
    }
}

static void pack_line(char *to, const char *from, int64_t column, int64_t columns, int32_t size)
{
    if (column == size) {
        memcpy(to, from, (size_t)(columns * size));
        return;
    }
    switch (size) {
    case 1: gather_uint8_t(to, from, column, columns); break;
    case 2: gather_uint16_t(to, from, column, columns); break;
    case 4: gather_uint32_t(to, from, column, columns); break;
    case 8: gather_uint64_t(to, from, column, columns); break;
    default: gather_wide(to, from, column, columns); break;
    }
}

static int64_t distance(int64_t stride)
{
    return stride < 0 ? -stride : stride;
}

void gc_pack(void *to, const void *from, int32_t rank, const int64_t *shape,
             const int64_t *strides, int32_t size)
{
    /* Axes of one element vanish, and neighbours that lie behind one another become one. */
    int64_t extent[MOST_AXES], stride[MOST_AXES], line[MOST_AXES];
    int32_t n = 0;
    for (int32_t k = 0; k < rank; k++) {
        if (shape[k] == 0)
            return;
        if (shape[k] == 1)
            continue;
        if (n && stride[n - 1] == strides[k] * shape[k]) {
            extent[n - 1] *= shape[k];
            stride[n - 1] = strides[k];
        } else {
            extent[n] = shape[k];
            stride[n] = strides[k];
            n++;
        }
    }
    if (n == 0) {
        memcpy(to, from, (size_t)size);
        return;
    }
    line[n - 1] = size;
    for (int32_t k = n - 2; k >= 0; k--)
        line[k] = line[k + 1] * extent[k + 1];
    /* The axis along which the original lies closest together, if it is not the last. */
    int32_t near = n - 1;
    for (int32_t k = n - 2; k >= 0; k--)
        if (stride[k] && distance(stride[k]) < distance(stride[near]))
            near = k;
    int64_t at[MOST_AXES] = {0};
    char *into = to;
    const char *source = from;
    for (;;) {
        if (near == n - 1)
            pack_line(into, source, stride[n - 1], extent[n - 1], size);
        else
            pack_pair(into, line[near], source, stride[near], stride[n - 1], extent[near], extent[n - 1],
                 size);
        int32_t k = n - 2;
        for (; k >= 0; k--) {
            if (k == near)
                continue;
            into += line[k];
            source += stride[k];
            if (++at[k] < extent[k])
                break;
            into -= line[k] * extent[k];
            source -= stride[k] * extent[k];
            at[k] = 0;
        }
        if (k < 0)
            return;
    }
}
