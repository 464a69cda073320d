/* By what a vector is multiplied so that the first element that is larger than a thousandth of the
 * largest is positive; of a complex one that which is larger than 0.55 of it, and real.  After
 * numbers.h.
 */
#define GC_SIGN(name, type)                                                                        \
    static type turn_##name(int64_t size, int64_t stride, const type *v)                           \
    {                                                                                              \
        type largest = 0;                                                                          \
        for (int64_t i = 0; i < size; i++)                                                         \
            if (fabs(v[i * stride]) > largest) largest = fabs(v[i * stride]);                      \
        for (int64_t i = 0; i < size; i++)                                                         \
            if (fabs(v[i * stride]) > largest * (type)1e-3) return v[i * stride] < 0 ? -1 : 1;     \
        return 1;                                                                                  \
    }

#define GC_PHASE(name, type, real)                                                                 \
    static type turn_##name(int64_t size, int64_t stride, const type *v)                           \
    {                                                                                              \
        real largest = 0;                                                                          \
        for (int64_t i = 0; i < size; i++)                                                         \
            if (GC_ABS_##name(v[i * stride]) > largest) largest = GC_ABS_##name(v[i * stride]);    \
        for (int64_t i = 0; i < size; i++)                                                         \
            if (GC_ABS_##name(v[i * stride]) > largest * (real)0.55)                               \
                return GC_CONJ_##name(v[i * stride]) / GC_ABS_##name(v[i * stride]);               \
        return 1;                                                                                  \
    }

GC_SIGN(float64, double)
GC_SIGN(float32, float)
GC_PHASE(complex128, double complex, double)
GC_PHASE(complex64, float complex, float)
