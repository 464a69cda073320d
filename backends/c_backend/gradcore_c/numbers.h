/* What functions of matrices need of numbers, by the names of their dtypes: the real part, the
 * conjugate, by what LAPACK compares pivots, the magnitude, whether a number is finite, and the
 * number over its magnitude, which is 1 for 0 and NaN.
 */
#include <complex.h>
#include <math.h>

#define GC_RE_float64(x) (x)
#define GC_RE_float32(x) (x)
#define GC_RE_complex128(x) creal(x)
#define GC_RE_complex64(x) crealf(x)

#define GC_CONJ_float64(x) (x)
#define GC_CONJ_float32(x) (x)
#define GC_CONJ_complex128(x) conj(x)
#define GC_CONJ_complex64(x) conjf(x)

#define GC_PIVOT_float64(x) fabs(x)
#define GC_PIVOT_float32(x) fabsf(x)
#define GC_PIVOT_complex128(x) (fabs(creal(x)) + fabs(cimag(x)))
#define GC_PIVOT_complex64(x) (fabsf(crealf(x)) + fabsf(cimagf(x)))

#define GC_ABS_float64(x) fabs(x)
#define GC_ABS_float32(x) fabsf(x)
#define GC_ABS_complex128(x) cabs(x)
#define GC_ABS_complex64(x) cabsf(x)

#define GC_FINITE_float64(x) isfinite(x)
#define GC_FINITE_float32(x) isfinite(x)
#define GC_FINITE_complex128(x) (isfinite(creal(x)) && isfinite(cimag(x)))
#define GC_FINITE_complex64(x) (isfinite(crealf(x)) && isfinite(cimagf(x)))

#define GC_TURN_float64(x) ((x) < 0 ? -1 : 1)
#define GC_TURN_float32(x) ((x) < 0 ? -1 : 1)
#define GC_TURN_complex128(x) (cabs(x) > 0 ? (x) / cabs(x) : 1)
#define GC_TURN_complex64(x) (cabsf(x) > 0 ? (x) / cabsf(x) : 1)
