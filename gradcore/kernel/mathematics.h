/* Scalar functions for generated code.
 *
 * Items are separated by blank lines, headings among them, and a unit has only those that it
 * calls.  TYPE stands for every type: gc_clip_TYPE is gc_clip_f64, gc_clip_i8 ..., fabs_TYPE is
 * fabs or fabsf, and UTYPE an unsigned type that TYPE wraps in.
 *
 * The elementary functions of floats have no branches, so that loops around them vectorize.  They
 * are right for every argument, NaN, infinities, zeros and subnormals too, within 3 units in the
 * last place (sin, cos and tan within 4, where glibc's vector forms serve).  They need no fast
 * multiply-add, and use one where the compiler says there is one.  They must not be compiled with
 * -ffast-math.  `x > a ? a : x` lets NaN through.  What has branches says `if` and is rare.
 *
 * Polynomials come from benchmarks/scalar_coefficients.py.
 *
 * The sections, in this order (search for "-- "):
 *   complex numbers
 *   clipping, shifts, extrema, and division and powers of integers
 *   random bits
 *   division, extrema and rounding of floats
 *   parts of the functions below: exact rests, bits, powers of two
 *   exponentials
 *   logarithms
 *   logaddexp, softplus, sigmoid, tanh
 *   hyperbolic functions and their inverses
 *   inverse trigonometric functions
 *   error functions and their inverses
 *   trigonometric functions
 *   powers and roots
 *   gamma functions
 */

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Said of functions of libm that glibc has vector forms of. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#if __GLIBC_PREREQ(2, 35)
#define GC_VECTOR_FORMS __attribute__((simd("notinbranch")))
#endif
#endif
#ifndef GC_VECTOR_FORMS
#define GC_VECTOR_FORMS
#endif

/* -- complex numbers ------------------------------------------------------------------------ */

typedef struct { float re, im; } gc_c64;

typedef struct { double re, im; } gc_c128;

static inline gc_c64 gc_complex_f32(float re, float im) {
    const gc_c64 z = {re, im};
    return z;
}

static inline gc_c128 gc_complex_f64(double re, double im) {
    const gc_c128 z = {re, im};
    return z;
}

/* -- clipping, shifts, extrema, and division and powers of integers ------------------------ */

static inline TYPE gc_clip_TYPE(TYPE x, TYPE low, TYPE high) {
    const TYPE t = ((x > low) | (x != x)) ? x : low, u = t < high ? t : high;
    return t != t ? t : u;
}

/* Functions: in one expression gcc 12 with -fwrapv makes max(x * k, y * k) of max(x, y) * k. */
static inline TYPE gc_max_TYPE(TYPE x, TYPE y) {
    return x > y ? x : y;
}

static inline TYPE gc_min_TYPE(TYPE x, TYPE y) {
    return x < y ? x : y;
}

static inline TYPE gc_left_shift_TYPE(TYPE x, TYPE places) {
    const UTYPE width = 8 * sizeof(TYPE), y = (UTYPE)places;
    return y < width ? (TYPE)((UTYPE)x << (y & (width - 1))) : 0;
}

static inline TYPE gc_right_shift_TYPE(TYPE x, TYPE places) {
    const UTYPE width = 8 * sizeof(TYPE), y = (UTYPE)places;
    return (TYPE)(x >> (y < width ? y : width - 1)) >> (y < width ? 0 : 1);
}

/* As Python rounds; 0 for division by zero; the lowest number by -1 wraps. */
static inline TYPE gc_int_div_TYPE(TYPE x, TYPE y) {
    if (y == 0) return 0;
    if (y == (TYPE)-1 && (TYPE)-1 < 0) return (TYPE)(0 - (UTYPE)x);
    const TYPE q = x / y;
    return (TYPE)(q - ((x % y != 0) & ((x < 0) != (y < 0))));
}

static inline TYPE gc_mod_TYPE(TYPE x, TYPE y) {
    if (y == 0 || (y == (TYPE)-1 && (TYPE)-1 < 0)) return 0;
    const TYPE r = x % y;
    return (TYPE)((r != 0) & ((r < 0) != (y < 0)) ? r + y : r);
}

/* Wraps; a negative power is 0, or what powers of 1 and -1 are. */
static inline TYPE gc_pow_TYPE(TYPE x, TYPE y) {
    UTYPE result = 1, base = (UTYPE)x;
    if (y < 0) return x == 1 ? 1 : x == (TYPE)-1 ? (y & 1 ? (TYPE)-1 : 1) : 0;
    for (; y; y = (TYPE)(y >> 1), base *= base)
        if (y & 1) result *= base;
    return (TYPE)result;
}

/* -- random bits --------------------------------------------------------------------------- */

#define GC_ROTATIONS(a, b, c, d) \
    x += y; y = (y << a | y >> (32 - a)) ^ x; \
    x += y; y = (y << b | y >> (32 - b)) ^ x; \
    x += y; y = (y << c | y >> (32 - c)) ^ x; \
    x += y; y = (y << d | y >> (32 - d)) ^ x;

/* Threefry-2x32 in 20 rounds: a key and a counter are two words each, the first one above. */
static inline int64_t gc_threefry_i64(int64_t key, int64_t counter) {
    const uint32_t k0 = (uint32_t)((uint64_t)key >> 32), k1 = (uint32_t)(uint64_t)key;
    const uint32_t k2 = k0 ^ k1 ^ 0x1BD11BDAu;
    uint32_t x = (uint32_t)((uint64_t)counter >> 32) + k0, y = (uint32_t)(uint64_t)counter + k1;
    GC_ROTATIONS(13, 15, 26, 6)
    x += k1, y += k2 + 1;
    GC_ROTATIONS(17, 29, 16, 24)
    x += k2, y += k0 + 2;
    GC_ROTATIONS(13, 15, 26, 6)
    x += k0, y += k1 + 3;
    GC_ROTATIONS(17, 29, 16, 24)
    x += k1, y += k2 + 4;
    GC_ROTATIONS(13, 15, 26, 6)
    x += k2, y += k0 + 5;
    return (int64_t)((uint64_t)x << 32 | y);
}

/* -- division, extrema and rounding of floats ---------------------------------------------- */

static inline double gc_mod_f64(double x, double y) {
    const double r = fmod(x, y);
    if (y == 0 || r != r) return r;
    return r == 0 ? copysign(0.0, y) : (r < 0) != (y < 0) ? r + y : r;
}

static inline double gc_int_div_f64(double x, double y) {
    if (y == 0) return x / y;
    double r = fmod(x, y), q = (x - r) / y;
    if (r != 0 && (r < 0) != (y < 0)) q -= 1;
    if (q == 0) return copysign(0.0, x / y);
    const double whole = floor(q);
    return q - whole > 0.5 ? whole + 1 : whole;
}

static inline float gc_mod_f32(float x, float y) {
    const float r = fmodf(x, y);
    if (y == 0 || r != r) return r;
    return r == 0 ? copysignf(0.0f, y) : (r < 0) != (y < 0) ? r + y : r;
}

static inline float gc_int_div_f32(float x, float y) {
    if (y == 0) return x / y;
    float r = fmodf(x, y), q = (x - r) / y;
    if (r != 0 && (r < 0) != (y < 0)) q -= 1;
    if (q == 0) return copysignf(0.0f, x / y);
    const float whole = floorf(q);
    return q - whole > 0.5f ? whole + 1 : whole;
}

/* gcc sees x != x of a half that became a float as one of halves, and calls a function for that. */
static inline int gc_is_nan_TYPE(TYPE x) {
#if defined(__GNUC__) && !defined(__CUDACC__)
    return __builtin_isunordered(x, x);
#else
    return x != x;
#endif
}

static inline TYPE gc_larger_TYPE(TYPE x, TYPE y) {
    const TYPE larger = y > x ? y : x;
    return gc_is_nan_TYPE(y) ? y : larger;
}

static inline TYPE gc_smaller_TYPE(TYPE x, TYPE y) {
    const TYPE smaller = y < x ? y : x;
    return gc_is_nan_TYPE(y) ? y : smaller;
}

/* These combine the lanes of a vector one after the other, where a branch that is predicted is
 * quicker than waiting for a choice. */
static inline TYPE gc_lane_maximum_TYPE(TYPE x, TYPE y) {
    return y <= x ? x : gc_is_nan_TYPE(x) ? x : y;
}

static inline TYPE gc_lane_minimum_TYPE(TYPE x, TYPE y) {
    return y >= x ? x : gc_is_nan_TYPE(x) ? x : y;
}

static inline TYPE gc_round_half_away_TYPE(TYPE x) {
    const TYPE whole = trunc_TYPE(x);
    const TYPE up = fabs_TYPE(x - whole) >= (TYPE)0.5 ? 1 : 0;
    return x == 0 ? 0 : copysign_TYPE(fabs_TYPE(whole) + up, x);
}

/* -- parts of the functions below: exact rests, bits, powers of two ------------------------ */

/* a * b + c, rounded once where that is fast. */
static inline double gc_fma_f64(double a, double b, double c) {
#ifdef __FP_FAST_FMA
    return __builtin_fma(a, b, c);
#else
    return a * b + c;
#endif
}

static inline float gc_fma_f32(float a, float b, float c) {
#ifdef __FP_FAST_FMAF
    return __builtin_fmaf(a, b, c);
#else
    return a * b + c;
#endif
}

/* a * b - p, exactly, for p = a * b as rounded; the factors are below 2^990. */
static inline double gc_product_rest_f64(double a, double b, double p) {
#ifdef __FP_FAST_FMA
    return __builtin_fma(a, b, -p);
#else
    const double s = 0x1p27 + 1, ca = s * a, cb = s * b;
    const double ah = ca - (ca - a), al = a - ah, bh = cb - (cb - b), bl = b - bh;
    return ((ah * bh - p) + ah * bl + al * bh) + al * bl;
#endif
}

static inline float gc_product_rest_f32(float a, float b, float p) {
#ifdef __FP_FAST_FMAF
    return __builtin_fmaf(a, b, -p);
#else
    return (float)((double)a * b - p);
#endif
}

static inline uint64_t gc_bits_f64(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double gc_from_bits_f64(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint32_t gc_bits_f32(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float gc_from_bits_f32(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* 1 where b holds, else 0, by its bits: gcc vectorizes no loop where a comparison becomes a float. */
static inline float gc_indicator_f32(uint8_t b) {
    return gc_from_bits_f32(-(uint32_t)b & 0x3f800000);
}

static inline double gc_indicator_f64(uint8_t b) {
    return gc_from_bits_f64(-(uint64_t)b & 0x3ff0000000000000);
}

/* The nearest integer, for abs(x) < 2^51. */
static inline double gc_nearest_f64(double x) {
    return (x + 0x1.8p52) - 0x1.8p52;
}

/* 2^n for an integer, -1023 < n < 1024. */
static inline double gc_power_of_two_f64(double n) {
    return gc_from_bits_f64(gc_bits_f64(n + (0x1.8p52 + 1023)) << 52);
}

static inline float gc_power_of_two_f32(float n) {
    return gc_from_bits_f32(gc_bits_f32(n + (0x1.8p23f + 127)) << 23);
}

/* x, or the number of its sign that is `most` from zero; one comparison becomes one instruction,
 * and two of them do not. */
static inline TYPE gc_bounded_TYPE(TYPE x, TYPE most) {
    return copysign_TYPE(fabs_TYPE(x) > most ? most : fabs_TYPE(x), x);
}

/* The integer nearest to a * b, abs(a * b) < 2^51, in the last digits, for the functions below. */
static inline double gc_moved_f64(double a, double b) {
    return gc_fma_f64(a, b, 0x1.8p52 + 2046);
}

static inline float gc_moved_f32(float a, float b) {
    return gc_fma_f32(a, b, 0x1.8p23f + 254);
}

/* The integer that was moved. */
static inline double gc_back_f64(double m) {
    return m - (0x1.8p52 + 2046);
}

static inline float gc_back_f32(float m) {
    return m - (0x1.8p23f + 254);
}

/* x * 2^n for a moved integer, -2046 < n < 2047 (-254 < n < 255); rounded once, if x is near 1.
 * The last digits are the exponents of two factors together, each with its bias.  Where the result
 * rounds to 0 a factor is 0: processors take many cycles for a product that underflows. */
static inline double gc_scaled_f64(double x, double moved) {
    const uint64_t both = gc_bits_f64(moved), one = both >> 1;
    const double other = gc_from_bits_f64((both - one) << 52);
    return x * gc_from_bits_f64(one << 52) * (moved > 0x1.8p52 + 970 ? other : 0);
}

static inline float gc_scaled_f32(float x, float moved) {
    const uint32_t both = gc_bits_f32(moved), one = both >> 1;
    const float other = gc_from_bits_f32((both - one) << 23);
    return x * gc_from_bits_f32(one << 23) * (moved > 0x1.8p23f + 103 ? other : 0);
}

/* -- exponentials -------------------------------------------------------------------------- */

/* exp(t) - 1 for abs(t) <= log(2) / 2. */
static inline double gc_exp_rest_f64(double t) {
    const double z = t * t;
    double p = 2.5100375832561234e-08, q = 2.7620075879983367e-07;
    p = gc_fma_f64(p, z, 2.7557268480310024e-06);
    q = gc_fma_f64(q, z, 2.4801521322368692e-05);
    p = gc_fma_f64(p, z, 0.00019841269863040545);
    q = gc_fma_f64(q, z, 0.0013888888917196719);
    p = gc_fma_f64(p, z, 0.008333333333330065);
    q = gc_fma_f64(q, z, 0.041666666666624164);
    p = gc_fma_f64(p, z, 0.16666666666666669);
    q = gc_fma_f64(q, z, 0.5000000000000001);
    return gc_fma_f64(z, gc_fma_f64(p, t, q), t);
}

static inline float gc_exp_rest_f32(float t) {
    float p;
    p = 0.00019890981f;
    p = gc_fma_f32(p, t, 0.0013933642f);
    p = gc_fma_f32(p, t, 0.0083333105f);
    p = gc_fma_f32(p, t, 0.041666467f);
    p = gc_fma_f32(p, t, 0.16666667f);
    p = gc_fma_f32(p, t, 0.5f);
    return gc_fma_f32(t * t, p, t);
}

/* exp(x) * 2^k for a small k. */
static inline double gc_scaled_exp_f64(double x, double k) {
    x = gc_bounded_f64(x, 746);
    const double m = gc_moved_f64(x, 0x1.71547652b82fep+0), n = gc_back_f64(m);
    const double t = gc_fma_f64(-n, 0x1.a39ef35793c76p-33, gc_fma_f64(-n, 0x1.62e42feep-1, x));
    return gc_scaled_f64(1 + gc_exp_rest_f64(t), m + k);
}

static inline float gc_scaled_exp_f32(float x, float k) {
    x = gc_bounded_f32(x, 105);
    const float m = gc_moved_f32(x, 0x1.715476p+0f), n = gc_back_f32(m);
    const float t = gc_fma_f32(-n, 0x1.0bfbe8p-15f, gc_fma_f32(-n, 0x1.62ep-1f, x));
    return gc_scaled_f32(1 + gc_exp_rest_f32(t), m + k);
}

static inline double gc_exp_f64(double x) {
    x = gc_bounded_f64(x, 746);
    const double m = gc_moved_f64(x, 0x1.71547652b82fep+0), n = gc_back_f64(m);
    const double t = gc_fma_f64(-n, 0x1.a39ef35793c76p-33, gc_fma_f64(-n, 0x1.62e42feep-1, x));
    return gc_scaled_f64(1 + gc_exp_rest_f64(t), m);
}

static inline float gc_exp_f32(float x) {
    x = gc_bounded_f32(x, 105);
    const float m = gc_moved_f32(x, 0x1.715476p+0f), n = gc_back_f32(m);
    const float t = gc_fma_f32(-n, 0x1.0bfbe8p-15f, gc_fma_f32(-n, 0x1.62ep-1f, x));
    return gc_scaled_f32(1 + gc_exp_rest_f32(t), m);
}

/* (2^t - 1) / t for abs(t) <= 1/2. */
static inline double gc_exp2_rest_f64(double t) {
    const double z = t * t;
    double p = 2.5729324177362305e-11, q = 4.4558179083360645e-10;
    p = gc_fma_f64(p, z, 7.0548973041554995e-09);
    q = gc_fma_f64(q, z, 1.0178057087733941e-07);
    p = gc_fma_f64(p, z, 1.3215486808705563e-06);
    q = gc_fma_f64(q, z, 1.5252733841556773e-05);
    p = gc_fma_f64(p, z, 0.00015403530393370734);
    q = gc_fma_f64(q, z, 0.001333355814640647);
    p = gc_fma_f64(p, z, 0.00961812910762848);
    q = gc_fma_f64(q, z, 0.055504108664821625);
    p = gc_fma_f64(p, z, 0.24022650695910072);
    q = gc_fma_f64(q, z, 0.6931471805599453);
    return gc_fma_f64(p, t, q);
}

static inline float gc_exp2_rest_f32(float t) {
    float p;
    p = 1.5297324e-05f;
    p = gc_fma_f32(p, t, 0.00015461445f);
    p = gc_fma_f32(p, t, 0.0013333502f);
    p = gc_fma_f32(p, t, 0.009618057f);
    p = gc_fma_f32(p, t, 0.05550411f);
    p = gc_fma_f32(p, t, 0.2402265f);
    p = gc_fma_f32(p, t, 0.6931472f);
    return p;
}

/* exp(x) * 2^k where the power of two in it is normal; it is in the last digits of m. */
static inline double gc_exp_near_f64(double x, double k) {
    const double zero = 0x1.8p52 + 1023 + k, m = gc_fma_f64(x, 0x1.71547652b82fep+0, zero);
    const double n = m - zero, s = gc_from_bits_f64(gc_bits_f64(m) << 52);
    const double t = gc_fma_f64(-n, 0x1.a39ef35793c76p-33, gc_fma_f64(-n, 0x1.62e42feep-1, x));
    return gc_fma_f64(s, gc_exp_rest_f64(t), s);
}

static inline float gc_exp_near_f32(float x, float k) {
    const float zero = 0x1.8p23f + 127 + k, m = gc_fma_f32(x, 0x1.715476p+0f, zero);
    const float n = m - zero, s = gc_from_bits_f32(gc_bits_f32(m) << 23);
    const float t = gc_fma_f32(-n, 0x1.0bfbe8p-15f, gc_fma_f32(-n, 0x1.62ep-1f, x));
    return gc_fma_f32(s, gc_exp_rest_f32(t), s);
}

static inline double gc_exp2_f64(double x) {
    x = gc_bounded_f64(x, 1077);
    const double m = gc_moved_f64(x, 1), t = x - gc_back_f64(m);
    return gc_scaled_f64(gc_fma_f64(t, gc_exp2_rest_f64(t), 1), m);
}

static inline float gc_exp2_f32(float x) {
    x = gc_bounded_f32(x, 152);
    const float m = gc_moved_f32(x, 1), t = x - gc_back_f32(m);
    return gc_scaled_f32(gc_fma_f32(t, gc_exp2_rest_f32(t), 1), m);
}

/* 2^x for -1022 < x < 1023; the power of two is in the last digits of m. */
static inline double gc_exp2_near_f64(double x) {
    const double m = x + (0x1.8p52 + 1023), s = gc_from_bits_f64(gc_bits_f64(m) << 52);
    const double t = x - (m - (0x1.8p52 + 1023));
    return gc_fma_f64(s, t * gc_exp2_rest_f64(t), s);
}

/* 1 - 2^x for -1000 < x < 0 (-120 < x). */
static inline double gc_exp2_complement_f64(double x) {
    const double m = x + (0x1.8p52 + 1023), s = gc_from_bits_f64(gc_bits_f64(m) << 52);
    const double t = x - (m - (0x1.8p52 + 1023));
    return gc_fma_f64(-s, t * gc_exp2_rest_f64(t), 1 - s);
}

static inline float gc_exp2_complement_f32(float x) {
    const float m = x + (0x1.8p23f + 127), s = gc_from_bits_f32(gc_bits_f32(m) << 23);
    const float t = x - (m - (0x1.8p23f + 127));
    return gc_fma_f32(-s, t * gc_exp2_rest_f32(t), 1 - s);
}

/* exp(x) - 1 for -50 <= x <= 710; half of the power of two is in the last digits of m. */
static inline double gc_expm1_near_f64(double x) {
    const double m = gc_fma_f64(x, 0x1.71547652b82fep+0, 0x1.8p52 + 1022);
    const double n = m - (0x1.8p52 + 1022), s = gc_from_bits_f64(gc_bits_f64(m) << 52);
    const double t = gc_fma_f64(-n, 0x1.a39ef35793c76p-33, gc_fma_f64(-n, 0x1.62e42feep-1, x));
    return 2 * gc_fma_f64(s, gc_exp_rest_f64(t), s - 0.5);
}

/* exp(x) - 1 for -30 <= x <= 89 */
static inline float gc_expm1_near_f32(float x) {
    const float m = gc_fma_f32(x, 0x1.715476p+0f, 0x1.8p23f + 126);
    const float n = m - (0x1.8p23f + 126), s = gc_from_bits_f32(gc_bits_f32(m) << 23);
    const float t = gc_fma_f32(-n, 0x1.0bfbe8p-15f, gc_fma_f32(-n, 0x1.62ep-1f, x));
    return 2 * gc_fma_f32(s, gc_exp_rest_f32(t), s - 0.5f);
}

static inline double gc_expm1_f64(double x) {
    const double y = gc_expm1_near_f64(x > 710 ? 710 : x < -50 ? -50 : x);
    return fabs(x) < 0x1p-54 ? x : y;
}

static inline float gc_expm1_f32(float x) {
    const float y = gc_expm1_near_f32(x > 89 ? 89 : x < -30 ? -30 : x);
    return fabsf(x) < 0x1p-25f ? x : y;
}

/* -- logarithms ---------------------------------------------------------------------------- */

/* The number in [sqrt(1/2), sqrt(2)) that a normal x > 0 is times 2^e. */
static inline double gc_split_normal_f64(double x, double *e) {
    const uint64_t root = 0x3fe6a09e667f3bcd, u = gc_bits_f64(x) + (0x3ff0000000000000 - root);
    *e = gc_from_bits_f64((u >> 52) | 0x4330000000000000) - (0x1p52 + 1023);
    return gc_from_bits_f64((u & 0x000fffffffffffff) + root);
}

static inline float gc_split_normal_f32(float x, float *e) {
    const uint32_t root = 0x3f3504f3, u = gc_bits_f32(x) + (0x3f800000 - root);
    *e = gc_from_bits_f32((u >> 23) | 0x4b000000) - (0x1p23f + 127);
    return gc_from_bits_f32((u & 0x007fffff) + root);
}

/* The same for every x > 0. */
static inline double gc_split_f64(double x, double *e) {
    const double tiny = x < 0x1p-1022 ? 54 : 0;
    const double m = gc_split_normal_f64(x < 0x1p-1022 ? x * 0x1p54 : x, e);
    *e -= tiny;
    return m;
}

static inline float gc_split_f32(float x, float *e) {
    const float tiny = x < 0x1p-126f ? 25 : 0;
    const float m = gc_split_normal_f32(x < 0x1p-126f ? x * 0x1p25f : x, e);
    *e -= tiny;
    return m;
}

/* (log((1 + s) / (1 - s)) - 2 s) / s ** 3 at t = s ** 2, for abs(s) <= 0.1716. */
static inline double gc_log_close_f64(double t) {
    double p;
    p = 0.14616449685043406;
    p = gc_fma_f64(p, t, 0.15331721600556042);
    p = gc_fma_f64(p, t, 0.18182889125261723);
    p = gc_fma_f64(p, t, 0.2222221113479508);
    p = gc_fma_f64(p, t, 0.28571428625975487);
    p = gc_fma_f64(p, t, 0.39999999999899505);
    p = gc_fma_f64(p, t, 0.666666666666667);
    return p;
}

/* log(1 + f) + e * log(2) + rest, for sqrt(1/2) <= 1 + f < sqrt(2) and a tiny rest. */
static inline double gc_log_sum_f64(double f, double e, double rest) {
    const double s = f / (2 + f), t = s * s, half = 0.5 * f * f;
    const double small = gc_fma_f64(e, 0x1.a39ef35793c76p-33, rest);
    const double low = gc_fma_f64(s, gc_fma_f64(t, gc_log_close_f64(t), half), small);
    return gc_fma_f64(e, 0x1.62e42feep-1, f - (half - low));
}

static inline float gc_log_sum_f32(float t, float e, float rest) {
    const float half = 0.5f * t * t;
    float p;
    p = -0.062015f;
    p = gc_fma_f32(p, t, 0.105308644f);
    p = gc_fma_f32(p, t, -0.10646192f);
    p = gc_fma_f32(p, t, 0.11037783f);
    p = gc_fma_f32(p, t, -0.124507435f);
    p = gc_fma_f32(p, t, 0.14286524f);
    p = gc_fma_f32(p, t, -0.16668001f);
    p = gc_fma_f32(p, t, 0.2000001f);
    p = gc_fma_f32(p, t, -0.2499999f);
    p = gc_fma_f32(p, t, 0.33333334f);
    const float low = gc_fma_f32(t * t * t, p, gc_fma_f32(e, 0x1.0bfbe8p-15f, rest));
    return gc_fma_f32(e, 0x1.62ep-1f, t - (half - low));
}

/* What a logarithm is of zero, negative numbers, infinity and NaN; else y. */
static inline TYPE gc_log_checked_TYPE(TYPE x, TYPE y) {
    y = x == (TYPE)INFINITY ? x : y;
    return x > 0 ? y : x == 0 ? -(TYPE)INFINITY : (TYPE)NAN;
}

static inline TYPE gc_log_TYPE(TYPE x) {
    TYPE e;
    const TYPE m = gc_split_TYPE(x, &e);
    return gc_log_checked_TYPE(x, gc_log_sum_TYPE(m - 1, e, 0));
}

static inline double gc_log2_f64(double x) {
    double e;
    const double m = gc_split_f64(x, &e), y = gc_log_sum_f64(m - 1, 0, 0);
    const double low = gc_fma_f64(y, 0x1.777d0ffda0d24p-56, e);
    return gc_log_checked_f64(x, gc_fma_f64(y, 0x1.71547652b82fep+0, low));
}

static inline float gc_log2_f32(float x) {
    float e;
    const float m = gc_split_f32(x, &e), y = gc_log_sum_f32(m - 1, 0, 0);
    return gc_log_checked_f32(x, gc_fma_f32(y, 0x1.715476p+0f, gc_fma_f32(y, 0x1.4ae0cp-26f, e)));
}

static inline double gc_log10_f64(double x) {
    double e;
    const double m = gc_split_f64(x, &e), y = gc_log_sum_f64(m - 1, 0, 0);
    const double low = gc_fma_f64(y, 0x1.bcb7b1526e50ep-2, e * 0x1.f79fef311f12bp-34);
    return gc_log_checked_f64(x, gc_fma_f64(e, 0x1.34413508p-2, low));
}

static inline float gc_log10_f32(float x) {
    float e;
    const float m = gc_split_f32(x, &e), y = gc_log_sum_f32(m - 1, 0, 0);
    const float low = gc_fma_f32(y, 0x1.bcb7b2p-2f, e * 0x1.3509f8p-18f);
    return gc_log_checked_f32(x, gc_fma_f32(e, 0x1.344p-2f, low));
}

static inline TYPE gc_log1p_TYPE(TYPE x) {
    const TYPE u = 1 + x, above = u - 1, rest = (1 - (u - above)) + (x - above);
    TYPE e;
    const TYPE f = gc_split_TYPE(u, &e) - 1;
    /* rest / u, and 1 / (1 + f) need not be known well. */
    const TYPE scale = gc_power_of_two_TYPE(e < 60 ? -e : -60);
    const TYPE low = rest * scale * gc_fma_TYPE(f, f, 1 - f);
    return copysign_TYPE(gc_log_checked_TYPE(u, gc_log_sum_TYPE(f, e, low)), x);
}

/* -- logaddexp, softplus, sigmoid, tanh ---------------------------------------------------- */

/* a - q * b, exactly, for q = a / b as rounded. */
static inline double gc_quotient_rest_f64(double a, double b, double q) {
#ifdef __FP_FAST_FMA
    return __builtin_fma(-q, b, a);
#else
    return (a - q * b) - gc_product_rest_f64(q, b, q * b);
#endif
}

static inline float gc_quotient_rest_f32(float a, float b, float q) {
#ifdef __FP_FAST_FMAF
    return __builtin_fmaf(-q, b, a);
#else
    return (float)((double)a - (double)q * b);
#endif
}

/* The same for abs(s) <= 1/3. */
static inline double gc_log_near_f64(double t) {
    const double z = t * t;
    double p = 0.1563057780092285, q = 0.07492143795550767;
    p = gc_fma_f64(p, z, 0.10845178394880015);
    q = gc_fma_f64(q, z, 0.11734279061303197);
    p = gc_fma_f64(p, z, 0.13335178631449257);
    q = gc_fma_f64(q, z, 0.1538454396486055);
    p = gc_fma_f64(p, z, 0.18181819897962714);
    q = gc_fma_f64(q, z, 0.2222222219823677);
    p = gc_fma_f64(p, z, 0.285714285716001);
    q = gc_fma_f64(q, z, 0.39999999999999525);
    p = gc_fma_f64(p, z, 0.6666666666666666);
    return gc_fma_f64(q, t, p);
}

static inline float gc_log_near_f32(float t) {
    float p;
    p = 0.20787618f;
    p = gc_fma_f32(p, t, 0.17464702f);
    p = gc_fma_f32(p, t, 0.22264712f);
    p = gc_fma_f32(p, t, 0.28570306f);
    p = gc_fma_f32(p, t, 0.4000001f);
    p = gc_fma_f32(p, t, 0.6666667f);
    return p;
}

/* log(1 + exp(-x)) for x >= 0, less the part that is left in `low`. */
static inline double gc_log1pexp_f64(double x, double *low) {
    const double e = gc_exp_f64(-x), d = 2 + e, s = e / d, t = s * s;
    const double rest = gc_quotient_rest_f64(e, d, s) - s * (e - (d - 2));
    /* 1 / d need not be known well. */
    *low = gc_fma_f64(s * t, gc_log_near_f64(t), rest * gc_fma_f64(-0.33, e, 1));
    return 2 * s;
}

static inline float gc_log1pexp_f32(float x, float *low) {
    const float e = gc_exp_f32(-x), d = 2 + e, s = e / d, t = s * s;
    const float rest = gc_quotient_rest_f32(e, d, s) - s * (e - (d - 2));
    *low = gc_fma_f32(s * t, gc_log_near_f32(t), rest * gc_fma_f32(-0.33f, e, 1));
    return 2 * s;
}

static inline TYPE gc_logaddexp_TYPE(TYPE x, TYPE y) {
    TYPE low;
    const TYPE high = gc_log1pexp_TYPE(x == y ? 0 : fabs_TYPE(x - y), &low);
    return ((x > y ? x : y) + high) + low;
}

static inline TYPE gc_softplus_TYPE(TYPE x) {
    TYPE low;
    const TYPE high = gc_log1pexp_TYPE(fabs_TYPE(x), &low);
    return (x > 0 ? x : 0) + (high + low);
}

/* k * log(2) + high + low, for whole k. */
static inline double gc_log_moved_f64(double k, double high, double low) {
    return gc_fma_f64(k, 0x1.62e42feep-1, high + gc_fma_f64(k, 0x1.a39ef35793c76p-33, low));
}

static inline float gc_log_moved_f32(float k, float high, float low) {
    return gc_fma_f32(k, 0x1.62ep-1f, high + gc_fma_f32(k, 0x1.0bfbe8p-15f, low));
}

/* log(x / (1 - x)) of the smaller of x and 1 - x, both scaled to be between sqrt(1/2) and sqrt(2). */
static inline TYPE gc_logit_TYPE(TYPE x) {
    const TYPE low = x > (TYPE)0.5 ? 1 - x : x, other = 1 - low, rest = (1 - other) - low;
    const TYPE twice = other < (TYPE)0.7071067811865476 ? 2 : 1;
    TYPE e;
    const TYPE m = gc_split_TYPE(low, &e), n = twice * other;
    const TYPE s = ((m - n) - twice * rest) / (m + n), t = s * s;
    const TYPE y = gc_log_moved_TYPE(e + (twice - 1), 2 * s, s * t * gc_log_near_TYPE(t));
    const TYPE found = low > 0 ? y : low == 0 ? -(TYPE)INFINITY : (TYPE)NAN;
    return x > (TYPE)0.5 ? -found : found;
}

static inline TYPE gc_sigmoid_TYPE(TYPE x) {
    const TYPE e = gc_exp_TYPE(-fabs_TYPE(x)), r = 1 / (1 + e);
    return x >= 0 ? r : e * r; /* sigmoid(-x) has the same e and r, and compilers see that */
}

static inline TYPE gc_tanh_TYPE(TYPE x) {
    const TYPE a = fabs_TYPE(x), e = gc_expm1_near_TYPE(a > 22 ? 44 : 2 * a);
    return copysign_TYPE(e / (e + 2), x);
}

/* -- hyperbolic functions and their inverses ----------------------------------------------- */

static inline TYPE gc_cosh_TYPE(TYPE x) {
    const TYPE half = gc_scaled_exp_TYPE(fabs_TYPE(x), -1);
    return half + (TYPE)0.25 / half;
}

/* sinh(sqrt(t)) / sqrt(t) - 1, for t <= 1. */
static inline double gc_sinh_rest_f64(double t) {
    double p;
    p = 7.746178593018827e-13;
    p = gc_fma_f64(p, t, 1.6057679623801638e-10);
    p = gc_fma_f64(p, t, 2.5052117695907823e-08);
    p = gc_fma_f64(p, t, 2.7557319191381816e-06);
    p = gc_fma_f64(p, t, 0.00019841269841324198);
    p = gc_fma_f64(p, t, 0.008333333333333299);
    p = gc_fma_f64(p, t, 0.16666666666666666);
    return t * p;
}

static inline float gc_sinh_rest_f32(float t) {
    float p;
    p = 0.00020258885f;
    p = gc_fma_f32(p, t, 0.008331763f);
    p = gc_fma_f32(p, t, 0.16666676f);
    return t * p;
}

static inline TYPE gc_sinh_TYPE(TYPE x) {
    const TYPE half = gc_scaled_exp_TYPE(fabs_TYPE(x), -1), large = half - (TYPE)0.25 / half;
    const TYPE small = gc_fma_TYPE(gc_sinh_rest_TYPE(x * x), x, x);
    return fabs_TYPE(x) < 1 ? small : copysign_TYPE(large, x);
}

/* asinh(x) for x >= 0; where x ** 2 + 1 is x ** 2, log(x) + log(2). */
static inline TYPE gc_arcsinh_TYPE(TYPE x) {
    const TYPE a = fabs_TYPE(x), large = a > (TYPE)0x1p28;
    const TYPE b = large != 0 ? 1 : a;
    const TYPE u = b + b * b / (1 + sqrt_TYPE(gc_fma_TYPE(b, b, 1)));
    const TYPE y = gc_log1p_TYPE(large != 0 ? a - 1 : u);
    return copysign_TYPE(gc_fma_TYPE(large, (TYPE)0x1.62e42fefa39efp-1, y), x);
}

static inline TYPE gc_arccosh_TYPE(TYPE x) {
    const TYPE large = x > (TYPE)0x1p28;
    const TYPE t = x - 1, b = large != 0 ? 1 : t;
    const TYPE y = gc_log1p_TYPE(large != 0 ? t : t + sqrt_TYPE(gc_fma_TYPE(b, b, 2 * b)));
    return x >= 1 ? gc_fma_TYPE(large, (TYPE)0x1.62e42fefa39efp-1, y) : (TYPE)NAN;
}

static inline TYPE gc_arctanh_TYPE(TYPE x) {
    const TYPE a = fabs_TYPE(x);
    return copysign_TYPE((TYPE)0.5 * gc_log1p_TYPE(2 * a / (1 - a)), x);
}

/* -- inverse trigonometric functions ------------------------------------------------------- */

/* atan(sqrt(t)) / sqrt(t) - 1, for sqrt(t) <= tan(pi / 8). */
static inline double gc_arctan_rest_f64(double t) {
    double p;
    p = -0.01917688711906226;
    p = gc_fma_f64(p, t, 0.03923165829558719);
    p = gc_fma_f64(p, t, -0.0508544973794026);
    p = gc_fma_f64(p, t, 0.0585814891280221);
    p = gc_fma_f64(p, t, -0.06664511447381948);
    p = gc_fma_f64(p, t, 0.07692183190826087);
    p = gc_fma_f64(p, t, -0.09090904578123903);
    p = gc_fma_f64(p, t, 0.11111111015256361);
    p = gc_fma_f64(p, t, -0.14285714284666542);
    p = gc_fma_f64(p, t, 0.1999999999999552);
    p = gc_fma_f64(p, t, -0.3333333333333333);
    return t * p;
}

static inline float gc_arctan_rest_f32(float t) {
    float p;
    p = -0.06451928f;
    p = gc_fma_f32(p, t, 0.10743731f);
    p = gc_fma_f32(p, t, -0.14263956f);
    p = gc_fma_f32(p, t, 0.1999954f);
    p = gc_fma_f32(p, t, -0.3333333f);
    return t * p;
}

/* The angle of the point (b, a), a >= 0 and b >= 0. */
static inline TYPE gc_angle_TYPE(TYPE a, TYPE b) {
    const int low = a <= (TYPE)0.41421356237309503 * b, high = a > (TYPE)2.414213562373095 * b;
    const TYPE t = (low ? a : high ? -b : a - b) / (low ? b : high ? a : a + b);
    const TYPE from = low ? 0 : high ? (TYPE)1.5707963267948966 : (TYPE)0.7853981633974483;
    return from + gc_fma_TYPE(gc_arctan_rest_TYPE(t * t), t, t);
}

static inline TYPE gc_arctan_TYPE(TYPE x) {
    const TYPE a = fabs_TYPE(x);
    return copysign_TYPE(gc_angle_TYPE(a, 1), x);
}

static inline TYPE gc_arctan2_TYPE(TYPE y, TYPE x) {
    TYPE a = fabs_TYPE(y), b = fabs_TYPE(x);
    const int infinite = (a == (TYPE)INFINITY) & (b == (TYPE)INFINITY);
    const TYPE scale = ((a > (TYPE)0x1p100) | (b > (TYPE)0x1p100)) ? (TYPE)0x1p-4 : 1;
    b = ((b == 0) & (a == 0)) ? 1 : b;
    const TYPE angle = gc_angle_TYPE(infinite ? 1 : a * scale, infinite ? 1 : b * scale);
    return copysign_TYPE(copysign_TYPE((TYPE)1, x) < 0 ? (TYPE)3.141592653589793 - angle : angle, y);
}

/* asin(sqrt(t)) / sqrt(t) - 1, for t <= 1/4. */
static inline double gc_arcsin_rest_f64(double t) {
    double p;
    p = 0.02961201126495512;
    p = gc_fma_f64(p, t, -0.01924167174674304);
    p = gc_fma_f64(p, t, 0.019554513336123378);
    p = gc_fma_f64(p, t, 0.0030448799094556773);
    p = gc_fma_f64(p, t, 0.009319560794767446);
    p = gc_fma_f64(p, t, 0.009621842970100282);
    p = gc_fma_f64(p, t, 0.011566459612121669);
    p = gc_fma_f64(p, t, 0.01396378001220357);
    p = gc_fma_f64(p, t, 0.017352816540325496);
    p = gc_fma_f64(p, t, 0.02237215744350722);
    p = gc_fma_f64(p, t, 0.03038194447553234);
    p = gc_fma_f64(p, t, 0.044642857142551895);
    p = gc_fma_f64(p, t, 0.07500000000000118);
    p = gc_fma_f64(p, t, 0.16666666666666666);
    return t * p;
}

static inline float gc_arcsin_rest_f32(float t) {
    float p;
    p = 0.033690847f;
    p = gc_fma_f32(p, t, 0.017149238f);
    p = gc_fma_f32(p, t, 0.031100662f);
    p = gc_fma_f32(p, t, 0.044599403f);
    p = gc_fma_f32(p, t, 0.07500094f);
    p = gc_fma_f32(p, t, 0.16666666f);
    return t * p;
}

static inline TYPE gc_arcsin_TYPE(TYPE x) {
    const TYPE a = fabs_TYPE(x), z = a < (TYPE)0.5 ? a * a : (TYPE)0.5 - (TYPE)0.5 * a;
    const TYPE s = a < (TYPE)0.5 ? a : sqrt_TYPE(z);
    const TYPE y = gc_fma_TYPE(gc_arcsin_rest_TYPE(z), s, s);
    return copysign_TYPE(a < (TYPE)0.5 ? y : (TYPE)1.5707963267948966 - 2 * y, x);
}

static inline TYPE gc_arccos_TYPE(TYPE x) {
    const TYPE a = fabs_TYPE(x), z = a < (TYPE)0.5 ? a * a : (TYPE)0.5 - (TYPE)0.5 * a;
    const TYPE s = a < (TYPE)0.5 ? x : sqrt_TYPE(z);
    const TYPE y = gc_fma_TYPE(gc_arcsin_rest_TYPE(z), s, s);
    const TYPE far = x < 0 ? (TYPE)3.141592653589793 - 2 * y : 2 * y;
    return a < (TYPE)0.5 ? (TYPE)1.5707963267948966 - y : far;
}

/* -- error functions and their inverses ---------------------------------------------------- */

/* erf(x) / x at t = x ** 2, for t <= 25 / 16, in float t <= 1. */
static inline double gc_erf_near_f64(double t) {
    const double z = t * t;
    double p0 = 4.620740658554442e-11, p1 = -1.0396900495391526e-09;
    p0 = gc_fma_f64(p0, z, 1.4343442977951298e-08);
    p1 = gc_fma_f64(p1, z, -1.6290602234261807e-07);
    p0 = gc_fma_f64(p0, z, 1.6453762077859004e-06);
    p1 = gc_fma_f64(p1, z, -1.4925009048139727e-05);
    p0 = gc_fma_f64(p0, z, 0.0001205529912172412);
    p1 = gc_fma_f64(p1, z, -0.0008548325821804391);
    p0 = gc_fma_f64(p0, z, 0.005223977598008797);
    p1 = gc_fma_f64(p1, z, -0.02686617064139764);
    p0 = gc_fma_f64(p0, z, 0.11283791670928688);
    p1 = gc_fma_f64(p1, z, -0.37612638903183016);
    p0 = gc_fma_f64(p0, z, 1.1283791670955126);
    return gc_fma_f64(p1, t, p0);
}

static inline float gc_erf_near_f32(float t) {
    float p;
    p = 7.875875e-05f;
    p = gc_fma_f32(p, t, -0.00080168643f);
    p = gc_fma_f32(p, t, 0.0051890872f);
    p = gc_fma_f32(p, t, -0.026854211f);
    p = gc_fma_f32(p, t, 0.11283594f);
    p = gc_fma_f32(p, t, -0.37612626f);
    p = gc_fma_f32(p, t, 1.1283791f);
    return p;
}

/* -log2(erfc(t)) / t up to t = 6, in float 4, as closely as 1 - erfc(t) tells. */
static inline double gc_erf_far_f64(double t) {
    const double z = t * t;
    double p1 = -2.1659363386378407e-11, p0 = 8.152573363828602e-10;
    p1 = gc_fma_f64(p1, z, -1.3929727393527534e-08);
    p0 = gc_fma_f64(p0, z, 1.410574345872466e-07);
    p1 = gc_fma_f64(p1, z, -9.132371503496736e-07);
    p0 = gc_fma_f64(p0, z, 3.6097268569714315e-06);
    p1 = gc_fma_f64(p1, z, -4.953200469348453e-06);
    p0 = gc_fma_f64(p0, z, -3.880205276548554e-05);
    p1 = gc_fma_f64(p1, z, 0.00032291884489933566);
    p0 = gc_fma_f64(p0, z, -0.0012969114941307838);
    p1 = gc_fma_f64(p1, z, 0.0029655737700078236);
    p0 = gc_fma_f64(p0, z, -0.0007512484876714808);
    p1 = gc_fma_f64(p1, z, -0.027313505862979967);
    p0 = gc_fma_f64(p0, z, 0.1481469203871841);
    p1 = gc_fma_f64(p1, z, 0.9184809092690555);
    p0 = gc_fma_f64(p0, z, 1.6279029711814426);
    return gc_fma_f64(p1, t, p0);
}

static inline float gc_erf_far_f32(float t) {
    float p;
    p = -0.000303228f;
    p = gc_fma_f32(p, t, 0.0045922617f);
    p = gc_fma_f32(p, t, -0.032873355f);
    p = gc_fma_f32(p, t, 0.15162241f);
    p = gc_fma_f32(p, t, 0.9173325f);
    p = gc_fma_f32(p, t, 1.6280462f);
    return p;
}

static inline double gc_erf_f64(double x) {
    const double a = fabs(x), b = a > 6 ? 6 : a;
    const double far = copysign(gc_exp2_complement_f64(-b * gc_erf_far_f64(b)), x);
    return a < 1.25 ? x * gc_erf_near_f64(x * x) : far;
}

static inline float gc_erf_f32(float x) {
    const float a = fabsf(x), b = a > 4 ? 4 : a;
    const float far = copysignf(gc_exp2_complement_f32(-b * gc_erf_far_f32(b)), x);
    return a < 1 ? x * gc_erf_near_f32(x * x) : far;
}

/* exp(b ** 2) * erfc(b) for 0 <= b < 1e25, in float b <= 12: 1 / sqrt(pi) over b + p / q, of terms of
 * one sign, so that far out the errors of p and q do not count. */
static inline double gc_erfcx_positive_f64(double b) {
    double p = 2.5855927466303107e-06, q = 5.171185493260616e-06;
    q = gc_fma_f64(q, b, 0.00012178674222416173);
    p = gc_fma_f64(p, b, 6.089337111207584e-05);
    q = gc_fma_f64(q, b, 0.0014231087555006156);
    p = gc_fma_f64(p, b, 0.000708968785005228);
    q = gc_fma_f64(q, b, 0.010746677473871254);
    p = gc_fma_f64(p, b, 0.005312445365637987);
    q = gc_fma_f64(q, b, 0.057809055871188425);
    p = gc_fma_f64(p, b, 0.028199437551331967);
    q = gc_fma_f64(q, b, 0.2314533852450478);
    p = gc_fma_f64(p, b, 0.11050558686837703);
    q = gc_fma_f64(q, b, 0.7019301871038693);
    p = gc_fma_f64(p, b, 0.3238155462985026);
    q = gc_fma_f64(q, b, 1.6113080718160242);
    p = gc_fma_f64(p, b, 0.7027972139808677);
    q = gc_fma_f64(q, b, 2.747400637907158);
    p = gc_fma_f64(p, b, 1.0885317173014917);
    q = gc_fma_f64(q, b, 3.3266438443862834);
    p = gc_fma_f64(p, b, 1.0999360872585544);
    q = gc_fma_f64(q, b, 2.593660637421374);
    p = gc_fma_f64(p, b, 0.5641895835477563);
    q = gc_fma_f64(q, b, 1.0);
    return 0.5641895835477563 * q / gc_fma_f64(b, q, p);
}

static inline float gc_erfcx_positive_f32(float b) {
    float p = 0.007540183f, q = 0.015079507f;
    q = gc_fma_f32(q, b, 0.12526399f);
    p = gc_fma_f32(p, b, 0.062614754f);
    q = gc_fma_f32(q, b, 0.50014496f);
    p = gc_fma_f32(p, b, 0.24282725f);
    q = gc_fma_f32(q, b, 1.15844f);
    p = gc_fma_f32(p, b, 0.5137111f);
    q = gc_fma_f32(q, b, 1.554604f);
    p = gc_fma_f32(p, b, 0.5641896f);
    q = gc_fma_f32(q, b, 1.0f);
    return 0.5641896f * q / gc_fma_f32(b, q, p);
}

/* erfc(a) * 2^64 for a >= 0. */
static inline double gc_scaled_erfc_f64(double a) {
    const double b = a > 27.3 ? 27.3 : a, r = gc_erfcx_positive_f64(b);
    const double square = b * b, rest = gc_product_rest_f64(b, b, square);
    return gc_exp_near_f64(-square, 64) * gc_fma_f64(-rest, r, r);
}

/* erfc(a) * 2^30 for a >= 0. */
static inline float gc_scaled_erfc_f32(float a) {
    const float b = a > 10.2f ? 10.2f : a, r = gc_erfcx_positive_f32(b);
    const float square = b * b, rest = gc_product_rest_f32(b, b, square);
    return gc_exp_near_f32(-square, 30) * gc_fma_f32(-rest, r, r);
}

static inline double gc_erfc_f64(double x) {
    const double y = 0x1p-64 * gc_scaled_erfc_f64(fabs(x));
    return x < 0 ? 2 - y : y;
}

static inline float gc_erfc_f32(float x) {
    const float y = 0x1p-30f * gc_scaled_erfc_f32(fabsf(x));
    return x < 0 ? 2 - y : y;
}

/* Numerators of erfcinv, which leave denominators, each quotient a fit with a relative error below
 * 2e-16: for abs(x) <= 3/4, in what is below 9/16 of the square; for s = sqrt(-log(1 - x)), up to 6;
 * and up to 27.4, of what is left without s. */
static inline double gc_erfinv_middle_f64(double x, double *below) {
    const double r = gc_fma_f64(-x, x, 0.5625);
    double p = 0.011919126179302445, q = 0.06769523485783172;
    p = gc_fma_f64(p, r, 0.5849779924596168);
    q = gc_fma_f64(q, r, 1.3944000317500376);
    p = gc_fma_f64(p, r, 4.429966312282476);
    q = gc_fma_f64(q, r, 7.28241815305434);
    p = gc_fma_f64(p, r, 11.4366964306902);
    q = gc_fma_f64(q, r, 15.029832915391504);
    p = gc_fma_f64(p, r, 12.616225039026553);
    q = gc_fma_f64(q, r, 14.220315878589584);
    p = gc_fma_f64(p, r, 6.142551610497815);
    q = gc_fma_f64(q, r, 6.1823838014766);
    p = gc_fma_f64(p, r, 1.0845597967968246);
    q = gc_fma_f64(q, r, 1);
    *below = q;
    return x * p;
}

static inline double gc_erfinv_tail_f64(double s, double *below) {
    double n = 0.00133525514878473, d = 0.001335244730080694;
    n = gc_fma_f64(n, s, 0.07270281245027274);
    d = gc_fma_f64(d, s, 0.07270791237290553);
    n = gc_fma_f64(n, s, 0.9220258645981609);
    d = gc_fma_f64(d, s, 0.9257330387458154);
    n = gc_fma_f64(n, s, 3.702599479376398);
    d = gc_fma_f64(d, s, 3.8392265813481434);
    n = gc_fma_f64(n, s, 5.552880575596751);
    d = gc_fma_f64(d, s, 6.722868424358974);
    n = gc_fma_f64(n, s, 4.47852239824227);
    d = gc_fma_f64(d, s, 7.4349014649018565);
    n = gc_fma_f64(n, s, 2.778963812557778);
    d = gc_fma_f64(d, s, 5.86274036523248);
    n = gc_fma_f64(n, s, 0.8333214665858472);
    d = gc_fma_f64(d, s, 2.9636338812189216);
    n = gc_fma_f64(n, s, 0.010821136277758443);
    d = gc_fma_f64(d, s, 1);
    n = gc_fma_f64(n, s, -0.001010035972011985);
    *below = d;
    return n;
}

static inline double gc_erfinv_far_f64(double s, double *below) {
    double n = 2.8169313202585614e-14, d = 4.347162940037882e-08;
    n = gc_fma_f64(n, s, -3.946858213700325e-11);
    d = gc_fma_f64(d, s, 1.2182110499809426e-05);
    n = gc_fma_f64(n, s, -1.5435882339644787e-07);
    d = gc_fma_f64(d, s, 0.0009408729683194572);
    n = gc_fma_f64(n, s, -3.338449744804082e-05);
    d = gc_fma_f64(d, s, 0.027088194146046896);
    n = gc_fma_f64(n, s, -0.0020702770951531633);
    d = gc_fma_f64(d, s, 0.31775213755777326);
    n = gc_fma_f64(n, s, -0.047136911783781654);
    d = gc_fma_f64(d, s, 1.5057879995336718);
    n = gc_fma_f64(n, s, -0.4127663102758204);
    d = gc_fma_f64(d, s, 2.654442012244329);
    n = gc_fma_f64(n, s, -1.2652682688072836);
    d = gc_fma_f64(d, s, 1.7536029045010766);
    n = gc_fma_f64(n, s, -0.916373171539885);
    d = gc_fma_f64(d, s, 1.0);
    n = gc_fma_f64(n, s, 0.007781721098612407);
    *below = d;
    return n;
}

/* erfinv(x) / x at w = -log(1 - x ** 2), a quotient whose terms have one sign. */
static inline double gc_erfinv_over_f64(double w) {
    const double z = w * w, u = z * z;
    double p2 = 5.721210579230319e-19, p1 = 8.543015215499566e-16,
        p0 = 1.2384541028936087e-13, p3 = 4.19266672685489e-12;
    p2 = gc_fma_f64(p2, u, 1.2071718219515735e-10);
    p1 = gc_fma_f64(p1, u, 2.6597134415273647e-09);
    p0 = gc_fma_f64(p0, u, 4.740827450401487e-08);
    p3 = gc_fma_f64(p3, u, 6.983274357922008e-07);
    p2 = gc_fma_f64(p2, u, 8.538553430281576e-06);
    p1 = gc_fma_f64(p1, u, 8.667890733928317e-05);
    p0 = gc_fma_f64(p0, u, 0.0007290120948578878);
    p3 = gc_fma_f64(p3, u, 0.005034537081677356);
    p2 = gc_fma_f64(p2, u, 0.02810523825619019);
    p1 = gc_fma_f64(p1, u, 0.12481299391405297);
    p0 = gc_fma_f64(p0, u, 0.3912377224233613);
    p0 = gc_fma_f64(p1, w, p0), p2 = gc_fma_f64(p3, w, p2);
    double q1 = 3.3172413042664943e-17, q0 = 1.2872436958887155e-14,
        q3 = 8.369870581707028e-13, q2 = 2.1772394511889777e-11;
    q1 = gc_fma_f64(q1, u, 6.520620699525886e-10);
    q0 = gc_fma_f64(q0, u, 1.0895440969116127e-08);
    q3 = gc_fma_f64(q3, u, 2.13166437982299e-07);
    q2 = gc_fma_f64(q2, u, 2.331675685322036e-06);
    q1 = gc_fma_f64(q1, u, 3.3017201677519803e-05);
    q0 = gc_fma_f64(q0, u, 0.00023398406985471854);
    q3 = gc_fma_f64(q3, u, 0.002451402468490692);
    q2 = gc_fma_f64(q2, u, 0.010426773663577875);
    q1 = gc_fma_f64(q1, u, 0.08361394184338103);
    q0 = gc_fma_f64(q0, u, 0.16624277567126897);
    q0 = gc_fma_f64(q1, w, q0), q2 = gc_fma_f64(q3, w, q2);
    const double above = gc_fma_f64(gc_fma_f64(p2, z, p0), w, 0.9316633645018496);
    return above / gc_fma_f64(gc_fma_f64(q2, z, q0), w, 1.05126953125);
}

static inline float gc_erfinv_over_f32(float w) {
    const float z = w * w;
    float p1 = 1.0315076e-07f, p0 = 4.5122255e-05f;
    p1 = gc_fma_f32(p1, z, 0.0009668924f);
    p0 = gc_fma_f32(p0, z, 0.011022773f);
    p1 = gc_fma_f32(p1, z, 0.081862226f);
    p0 = gc_fma_f32(p0, z, 0.40995523f);
    float q0 = 3.5442465e-06f, q1 = 0.0002870997f;
    q0 = gc_fma_f32(q0, z, 0.0027991403f);
    q1 = gc_fma_f32(q1, z, 0.044092897f);
    q0 = gc_fma_f32(q0, z, 0.11910108f);
    const float above = gc_fma_f32(gc_fma_f32(p1, w, p0), w, 1.1627401f);
    return above / gc_fma_f32(gc_fma_f32(q1, w, q0), w, 1.3120117f);
}

static inline double gc_erfinv_f64(double x) {
    const double a = fabs(x), end = a == 1 ? INFINITY : NAN;
    double e;
    const double m = gc_split_normal_f64((1 - a) * (1 + a), &e), s = (1 - m) / (1 + m), t = s * s;
    const double y = gc_erfinv_over_f64(gc_log_moved_f64(-e, 2 * s, s * t * gc_log_close_f64(t)));
    return (x + 0) * (a < 1 ? y : end); /* 0 for -0, as SciPy */
}

static inline float gc_erfinv_f32(float x) {
    const float a = fabsf(x), end = a == 1 ? INFINITY : NAN;
    float e;
    const float m = gc_split_normal_f32((1 - a) * (1 + a), &e);
    return (x + 0) * (a < 1 ? gc_erfinv_over_f32(-gc_log_sum_f32(m - 1, e, 0)) : end);
}

static inline double gc_erfcinv_f64(double x) {
    const double m = x < 1 ? x : 2 - x, s = sqrt(-gc_log_f64(m));
    double q, d, e;
    const double p = gc_erfinv_middle_f64(fabs(1 - x), &q), n = gc_erfinv_tail_f64(s, &d);
    const double f = gc_erfinv_far_f64(s, &e), over = s <= 6 ? n : f, under = s <= 6 ? d : e;
    const double rest = (m >= 0.25 ? p : over) / (m >= 0.25 ? q : under);
    const double y = s <= 6 ? rest : s + rest;
    const double found = 0.5 * m > 0 ? y : m >= 0 ? INFINITY : NAN;
    return x < 1 ? found : -found;
}

static inline float gc_erfcinv_f32(float x) {
    return (float)gc_erfcinv_f64(x);
}

/* -- trigonometric functions --------------------------------------------------------------- */

/* Sine, cosine and tangent are libm's, for the sake of huge arguments. */
GC_VECTOR_FORMS double sin(double x);
static inline double gc_sin_f64(double x) {
    return sin(x);
}

GC_VECTOR_FORMS float sinf(float x);
static inline float gc_sin_f32(float x) {
    return sinf(x);
}

GC_VECTOR_FORMS double cos(double x);
static inline double gc_cos_f64(double x) {
    return cos(x);
}

/* The same beside a sine: gcc makes one call of both, which has no vector form. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__ELF__)
GC_VECTOR_FORMS double libm_cos(double x) __asm__("cos") __attribute__((const));
#else
#define libm_cos cos
#endif
static inline double gc_apart_cos_f64(double x) {
    return libm_cos(x);
}

GC_VECTOR_FORMS float cosf(float x);
static inline float gc_cos_f32(float x) {
    return cosf(x);
}

GC_VECTOR_FORMS double tan(double x);
static inline double gc_tan_f64(double x) {
    return tan(x);
}

GC_VECTOR_FORMS float tanf(float x);
static inline float gc_tan_f32(float x) {
    return tanf(x);
}

/* -- powers and roots ---------------------------------------------------------------------- */

/* log(m) for sqrt(1/2) <= m < sqrt(2), as the sum of two numbers. */
static inline double gc_log_pair_f64(double m, double *low) {
    const double f = m - 1, d = 2 + f, dl = f - (d - 2);
    const double s = f / d, sd = s * d;
    const double sl = ((f - sd) - gc_product_rest_f64(s, d, sd) - s * dl) / d;
    const double t = s * s, tl = gc_fma_f64(2 * s, sl, gc_product_rest_f64(s, s, t));
    double p;
    p = 0.11723051028097753;
    p = gc_fma_f64(p, t, 0.11706248540922386);
    p = gc_fma_f64(p, t, 0.13334804238225345);
    p = gc_fma_f64(p, t, 0.15384594970895457);
    p = gc_fma_f64(p, t, 0.18181818335314404);
    p = gc_fma_f64(p, t, 0.22222222221656232);
    p = gc_fma_f64(p, t, 0.28571428571429364);
    p = gc_fma_f64(p, t, 0.4);
    /* 2 s + s (2/3 t + t ** 2 p) */
    const double c = 0x1.5555555555555p-1, a = c * t;
    const double al = gc_fma_f64(c, tl, gc_product_rest_f64(c, t, a)) + 0x1.5555555555555p-55 * t;
    const double tail = t * t * p, b = a + tail, bl = (tail - (b - a)) + al;
    const double q = s * b, ql = gc_fma_f64(sl, b, gc_fma_f64(s, bl, gc_product_rest_f64(s, b, q)));
    const double y = 2 * s + q;
    *low = (q - (y - 2 * s)) + gc_fma_f64(2, sl, ql);
    return y;
}

static inline double gc_pow_near_f64(double x, double y) {
    double e, low;
    const double m = gc_log_pair_f64(gc_split_f64(x, &e), &low);
    const double whole = e * 0x1.62e42feep-1, part = e * 0x1.a39ef35793c76p-33;
    double high = whole + m, rest = (m - (high - whole)) + low;
    rest += gc_product_rest_f64(e, 0x1.a39ef35793c76p-33, part);
    rest = e == 0 ? low : rest + part;
    high = e == 0 ? m : high;
    const double sum = high + rest;
    rest = rest - (sum - high);
    const double z = y * sum, a = z > 712 ? 712 : z < -746 ? -746 : z;
    rest = z == a ? gc_fma_f64(y, rest, gc_product_rest_f64(y, sum, z)) : 0;
    const double moved = gc_moved_f64(a, 0x1.71547652b82fep+0), n = gc_back_f64(moved);
    const double r = gc_fma_f64(-n, 0x1.62e42feep-1, a) + rest;
    const double t = gc_fma_f64(-n, 0x1.a39ef35793c76p-33, r);
    return gc_scaled_f64(1 + gc_exp_rest_f64(t), moved);
}

static inline float gc_pow_near_f32(float x, float y) {
    const uint64_t root = 0x3fe6a09e667f3bcd;
    const uint64_t u = gc_bits_f64(x) + (0x3ff0000000000000 - root);
    const double e = gc_from_bits_f64((u >> 52) | 0x4330000000000000) - (0x1p52 + 1023);
    const double f = gc_from_bits_f64((u & 0x000fffffffffffff) + root) - 1;
    const double s = f / (2 + f), z = s * s;
    double p, t = z;
    p = 0.3407120415619086;
    p = gc_fma_f64(p, t, 0.41167376623771057);
    p = gc_fma_f64(p, t, 0.5770835660048659);
    p = gc_fma_f64(p, t, 0.9617966734515485);
    p = gc_fma_f64(p, t, 2.885390081789987);
    const double w = y * gc_fma_f64(s, p, e), a = w > 200 ? 200 : w < -200 ? -200 : w;
    const double n = gc_nearest_f64(a);
    t = a - n;
    p = 1.5297323760701075e-05;
    p = gc_fma_f64(p, t, 0.0001546144469856913);
    p = gc_fma_f64(p, t, 0.001333350238616277);
    p = gc_fma_f64(p, t, 0.009618056678524637);
    p = gc_fma_f64(p, t, 0.055504108839096185);
    p = gc_fma_f64(p, t, 0.24022650922288757);
    p = gc_fma_f64(p, t, 0.6931471805599453);
    return (float)(gc_fma_f64(t, p, 1) * gc_power_of_two_f64(n));
}

static inline TYPE gc_pow_positive_TYPE(TYPE x, TYPE y) {
    const TYPE large = (TYPE)INFINITY;
    const int up = (x > 1) == (y > 0);
    TYPE z = gc_pow_near_TYPE(x, y);
    z = ((x == 0) | (x == large) | (fabs_TYPE(y) == large)) ? (up ? large : 0) : z;
    return ((x == 1) | (y == 0)) ? 1 : ((x != x) | (y != y)) ? x + y : z;
}

static inline TYPE gc_real_pow_TYPE(TYPE x, TYPE y) {
    const TYPE z = gc_pow_positive_TYPE(fabs_TYPE(x), y);
    const int whole = trunc_TYPE(y) == y, odd = trunc_TYPE(y * (TYPE)0.5) != y * (TYPE)0.5;
    const TYPE w = ((x < 0) & !whole & (x != -(TYPE)INFINITY)) ? (TYPE)NAN : z;
    return ((copysign_TYPE((TYPE)1, x) < 0) & whole & odd) ? -w : w;
}

static inline double gc_pow_f64(double x, double y) {
    return gc_real_pow_f64(x, y);
}

static inline float gc_pow_f32(float x, float y) {
    return gc_real_pow_f32(x, y);
}

static inline TYPE gc_cbrt_TYPE(TYPE x) {
    return cbrt_TYPE(x);
}

static inline TYPE gc_hypot_TYPE(TYPE x, TYPE y) {
    return hypot_TYPE(x, y);
}

/* -- gamma functions ----------------------------------------------------------------------- */

/* Infinite where SciPy's is. */
static inline double gc_gammaln_f64(double x) {
    if (fabs(1 / x) == INFINITY) return INFINITY;
    return x == -INFINITY ? x : lgamma(x);
}

static inline float gc_gammaln_f32(float x) {
    return (float)gc_gammaln_f64(x);
}

/* By recurrence from a fit on [1, 2] or, above 10, the asymptotic series; below 0 by reflection. */
static inline double gc_digamma_f64(double x) {
    double y = 0;
    if (x == 0) return copysign(INFINITY, -x);
    if (x < 0) {
        const double r = x - rint(x), a = fabs(r), pi = 3.141592653589793;
        if (r == 0 || x == -INFINITY) return NAN;
        y = -copysign(pi * (a < 0.25 ? 1 / tan(pi * a) : tan(pi * (0.5 - a))), r);
        x = 1 - x;
    }
    if (x < 10) {
        if (x < 1) y -= 1 / x, x += 1;
        double sum = 0;
        while (x > 2) x -= 1, sum += 1 / x;
        const double t = x - 1.5;
        double p;
        p = -0.00017312261802727394;
        p = gc_fma_f64(p, t, 0.00025968482126430747);
        p = gc_fma_f64(p, t, -0.00015148586836773365);
        p = gc_fma_f64(p, t, 0.0002272331660987376);
        p = gc_fma_f64(p, t, -0.0004821990530566789);
        p = gc_fma_f64(p, t, 0.0007233266279287554);
        p = gc_fma_f64(p, t, -0.0010376374098418604);
        p = gc_fma_f64(p, t, 0.0015566317474486838);
        p = gc_fma_f64(p, t, -0.002345267632540769);
        p = gc_fma_f64(p, t, 0.003519006401502276);
        p = gc_fma_f64(p, t, -0.005279964873257405);
        p = gc_fma_f64(p, t, 0.007926944646403797);
        p = gc_fma_f64(p, t, -0.011908218001568644);
        p = gc_fma_f64(p, t, 0.0179072524394512);
        p = gc_fma_f64(p, t, -0.02697579675613825);
        p = gc_fma_f64(p, t, 0.04076083381242074);
        p = gc_fma_f64(p, t, -0.061922133273064534);
        p = gc_fma_f64(p, t, 0.09498872445494122);
        p = gc_fma_f64(p, t, -0.14840492305390884);
        p = gc_fma_f64(p, t, 0.2405424842407742);
        p = gc_fma_f64(p, t, -0.4236274212814605);
        p = gc_fma_f64(p, t, 0.951055876031833);
        return y + (sum + p * ((x - 0x1.762d86356be3fp+0) - 0x1.b86a722197829p-54));
    }
    const double t = 1 / (x * x);
    double p = 1.0 / 12;
    p = gc_fma_f64(p, t, -691.0 / 32760);
    p = gc_fma_f64(p, t, 1.0 / 132);
    p = gc_fma_f64(p, t, -1.0 / 240);
    p = gc_fma_f64(p, t, 1.0 / 252);
    p = gc_fma_f64(p, t, -1.0 / 120);
    p = gc_fma_f64(p, t, 1.0 / 12);
    return x == INFINITY ? x : y + (log(x) - 0.5 / x - t * p);
}

static inline float gc_digamma_f32(float x) {
    return (float)gc_digamma_f64(x);
}

/* The sum of (x + k) ** -s over k >= 0, for s > 1, by Euler and Maclaurin. */
static inline double gc_zeta_f64(double s, double x) {
    static const double bernoulli[] = {
        1.0 / 12, -1.0 / 720, 1.0 / 30240, -1.0 / 1209600, 1.0 / 47900160,
        -691.0 / 1307674368000.0, 1.0 / 74724249600.0, -3617.0 / 10670622842880000.0,
    };
    double sum = 0;
    if (!(s > 1)) return s == 1 ? INFINITY : NAN;
    if (x <= 0) {
        if (x == floor(x)) return INFINITY;
        if (s != floor(s)) return NAN;
    }
    if (x > 1e8) return (1 / (s - 1) + 0.5 / x) * pow(x, 1 - s);
    for (int k = 0; k < 10 || x < 9; ++k, ++x) {
        const double term = pow(x, -s);
        sum += term;
        if (fabs(term) < 1e-17 * fabs(sum)) return sum;
    }
    double term = pow(x, -s), factor = s;
    sum += term * x / (s - 1) + 0.5 * term;
    term /= x;
    for (int k = 0; k < 8; ++k) {
        sum += bernoulli[k] * factor * term;
        factor *= (s + 2 * k + 1) * (s + 2 * k + 2);
        term /= x * x;
    }
    return sum;
}

static inline double gc_polygamma_f64(double n, double x) {
    if (n == 0) return gc_digamma_f64(x);
    if (n != floor(n)) return NAN;
    const double y = tgamma(n + 1) * gc_zeta_f64(n + 1, x);
    return fmod(n, 2.0) == 0 ? -y : y;
}

static inline float gc_polygamma_f32(double n, float x) {
    return (float)gc_polygamma_f64(n, x);
}
