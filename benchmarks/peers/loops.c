/* Some cases as one would write them by hand: how near the machine's limit the others come.
 *
 * gcc -O3 -march=native -ffast-math -fopenmp; results are written into buffers that are there.
 * NaN and infinities do not matter here, which no compiler of mathematics may say.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

void logistic(int64_t n, const double *restrict x, double *restrict out) {
#pragma omp parallel for simd schedule(static)
    for (int64_t i = 0; i < n; i++) {
        double s = 1 / (1 + exp(-x[i]));
        out[i] = s * (1 - s);
    }
}

void chain_f32(int64_t n, const float *restrict a, const float *restrict b,
               const float *restrict c, float *restrict out) {
#pragma omp parallel for simd schedule(static)
    for (int64_t i = 0; i < n; i++) out[i] = a[i] * b[i] + c[i] * expf(-a[i]);
}

void chain_f64(int64_t n, const double *restrict a, const double *restrict b,
               const double *restrict c, double *restrict out) {
#pragma omp parallel for simd schedule(static)
    for (int64_t i = 0; i < n; i++) out[i] = a[i] * b[i] + c[i] * exp(-a[i]);
}

void cross_entropy(int64_t n, int64_t m, const float *restrict x, const int64_t *restrict labels,
                   double *restrict cost, float *restrict slope) {
    double sum = 0;
#pragma omp parallel for schedule(static) reduction(+ : sum)
    for (int64_t i = 0; i < n; i++) {
        const float *row = x + i * m;
        float *out = slope + i * m, top = row[0], total = 0;
        for (int64_t j = 0; j < m; j++) top = fmaxf(top, row[j]);
        for (int64_t j = 0; j < m; j++) total += out[j] = expf(row[j] - top);
        float scale = 1 / (total * n);
        for (int64_t j = 0; j < m; j++) out[j] *= scale;
        out[labels[i]] -= 1.0f / n;
        sum += logf(total) + top - row[labels[i]];
    }
    *cost = sum / n;
}

void logsumexp(int64_t n, int64_t m, const double *restrict x, double *restrict out) {
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++) {
        const double *row = x + i * m;
        double top = row[0], total = 0;
        for (int64_t j = 0; j < m; j++) top = fmax(top, row[j]);
        for (int64_t j = 0; j < m; j++) total += exp(row[j] - top);
        out[i] = log(total) + top;
    }
}

/* `parts` holds two rows for each of `threads` threads. */
void layer_norm(int64_t n, int64_t m, int64_t threads, const float *restrict x,
                const float *restrict gain, const float *restrict bias, const float *restrict t,
                double *restrict cost, float *restrict dx, float *restrict dgain,
                float *restrict dbias, float *restrict parts) {
    double sum = 0;
#pragma omp parallel for schedule(static) reduction(+ : sum) num_threads(threads)
    for (int64_t p = 0; p < threads; p++) {
        float *dg = parts + 2 * p * m, *db = dg + m;
        for (int64_t j = 0; j < m; j++) dg[j] = db[j] = 0;
        for (int64_t i = n * p / threads; i < n * (p + 1) / threads; i++) {
            const float *row = x + i * m, *back = t + i * m;
            float *out = dx + i * m, mean = 0, variance = 0, of_dz = 0, of_dz_z = 0, value = 0;
            for (int64_t j = 0; j < m; j++) mean += row[j];
            mean /= m;
            for (int64_t j = 0; j < m; j++) variance += (row[j] - mean) * (row[j] - mean);
            float scale = 1 / sqrtf(variance / m + 1e-5f);
            for (int64_t j = 0; j < m; j++) {
                float z = (row[j] - mean) * scale, dz = back[j] * gain[j];
                of_dz += dz;
                of_dz_z += dz * z;
                value += (z * gain[j] + bias[j]) * back[j];
                dg[j] += back[j] * z;
                db[j] += back[j];
            }
            of_dz /= m;
            of_dz_z /= m;
            for (int64_t j = 0; j < m; j++)
                out[j] = scale * (back[j] * gain[j] - of_dz - (row[j] - mean) * scale * of_dz_z);
            sum += value;
        }
    }
    for (int64_t j = 0; j < m; j++) {
        dgain[j] = dbias[j] = 0;
        for (int64_t p = 0; p < threads; p++) {
            dgain[j] += parts[2 * p * m + j];
            dbias[j] += parts[(2 * p + 1) * m + j];
        }
    }
    *cost = sum;
}

/* `states` holds n + 1 numbers; `out` gets the cost and the derivatives by x, a and b. */
void scan_scalar(int64_t n, double x, double a, double b, double *restrict states,
                 double *restrict out) {
    double cost = 0, back = 0, da = 0, db = 0;
    states[0] = x;
    for (int64_t t = 0; t < n; t++) cost += states[t + 1] = x = tanh(a * x + b);
    for (int64_t t = n - 1; t >= 0; t--) {
        double d = (back + 1) * (1 - states[t + 1] * states[t + 1]);
        da += d * states[t];
        db += d;
        back = d * a;
    }
    out[0] = cost;
    out[1] = back;
    out[2] = da;
    out[3] = db;
}

/* Products are BLAS's: `gemm` is sgemm or dgemm as Fortran calls it, here for matrices by rows. */
typedef void gemm(const char *, const char *, const int *, const int *, const int *, const void *,
                  const void *, const int *, const void *, const int *, const void *, void *,
                  const int *);

#define PRODUCT(name, real)                                                                       \
    /* out (n, m) = keep * out + x y; what is transposed is given as it lies there. */            \
    static void name(gemm *blas, char tx, char ty, int n, int m, int k, const real *x,            \
                     const real *y, real keep, real *out) {                                       \
        const real one = 1;                                                                       \
        const int wide = tx == 'T' ? n : k, deep = ty == 'T' ? k : m;                             \
        blas(&ty, &tx, &m, &n, &k, &one, y, &deep, x, &wide, &keep, out, &m);                     \
    }
PRODUCT(product_f32, float)
PRODUCT(product_f64, double)

/* `h` holds steps + 1 states, `d` the cotangents of what goes into tanh, `back` one state. */
void rnn(int64_t steps, int64_t batch, int64_t n, gemm *blas, const double *restrict x,
         const double *restrict U, const double *restrict W, const double *restrict b,
         double *restrict cost, double *restrict dU, double *restrict dW, double *restrict db,
         double *restrict h, double *restrict d, double *restrict back) {
    const int64_t size = batch * n, all = steps * batch;
    double sum = 0;
    for (int64_t i = 0; i < size; i++) h[i] = back[i] = 0;
    for (int64_t i = 0; i < all; i++)
        for (int64_t j = 0; j < n; j++) d[i * n + j] = b[j];
    product_f64(blas, 'N', 'N', all, n, n, x, U, 1, d);
    for (int64_t t = 0; t < steps; t++) {
        double *in = d + t * size, *next = h + (t + 1) * size;
        product_f64(blas, 'N', 'N', batch, n, n, h + t * size, W, 1, in);
        for (int64_t i = 0; i < size; i++) next[i] = tanh(in[i]);
    }
    for (int64_t t = steps - 1; t >= 0; t--) {
        double *out = d + t * size, *next = h + (t + 1) * size;
        for (int64_t i = 0; i < size; i++) {
            sum += next[i] * next[i];
            out[i] = (back[i] + 2 * next[i]) * (1 - next[i] * next[i]);
        }
        product_f64(blas, 'N', 'T', batch, n, n, out, W, 0, back);
    }
    product_f64(blas, 'T', 'N', n, n, all, x, d, 0, dU);
    product_f64(blas, 'T', 'N', n, n, all, h, d, 0, dW);
    for (int64_t j = 0; j < n; j++) db[j] = 0;
    for (int64_t i = 0; i < all; i++)
        for (int64_t j = 0; j < n; j++) db[j] += d[i * n + j];
    *cost = sum;
}

static float sigmoid(float x) { return 1 / (1 + expf(-x)); }

/* `h` and `c` hold steps + 1 states, `gates` four a step, `inner` tanh(c), `dh`, `dc` one state. */
void lstm(int64_t steps, int64_t batch, int64_t m, int64_t n, gemm *blas, const float *restrict x,
          const float *restrict U, const float *restrict W, const float *restrict b,
          double *restrict cost, float *restrict dU, float *restrict dW, float *restrict db,
          float *restrict h, float *restrict c, float *restrict gates, float *restrict inner,
          float *restrict dh, float *restrict dc) {
    const int64_t size = batch * n, all = steps * batch;
    double sum = 0;
    for (int64_t i = 0; i < size; i++) h[i] = c[i] = dh[i] = dc[i] = 0;
    for (int64_t i = 0; i < all; i++)
        for (int64_t j = 0; j < 4 * n; j++) gates[i * 4 * n + j] = b[j];
    product_f32(blas, 'N', 'N', all, 4 * n, m, x, U, 1, gates);
    for (int64_t t = 0; t < steps; t++) {
        product_f32(blas, 'N', 'N', batch, 4 * n, n, h + t * size, W, 1, gates + t * 4 * size);
        for (int64_t r = 0; r < batch; r++) {
            float *i = gates + (t * batch + r) * 4 * n, *f = i + n, *o = f + n, *g = o + n;
            const int64_t at = (t * batch + r) * n, next = at + size;
            for (int64_t j = 0; j < 3 * n; j++) i[j] = sigmoid(i[j]);
            for (int64_t j = 0; j < n; j++) {
                g[j] = tanhf(g[j]);
                c[next + j] = f[j] * c[at + j] + i[j] * g[j];
                inner[at + j] = tanhf(c[next + j]);
                h[next + j] = o[j] * inner[at + j];
            }
        }
    }
    for (int64_t t = steps - 1; t >= 0; t--) {
        for (int64_t r = 0; r < batch; r++) {
            float *i = gates + (t * batch + r) * 4 * n, *f = i + n, *o = f + n, *g = o + n;
            const int64_t at = (t * batch + r) * n, next = at + size, now = r * n;
            for (int64_t j = 0; j < n; j++) {
                const float tanh_c = inner[at + j], out = h[next + j], dout = dh[now + j] + 2 * out;
                const float d = dc[now + j] + dout * o[j] * (1 - tanh_c * tanh_c);
                const float di = d * g[j] * i[j] * (1 - i[j]);
                const float dg = d * i[j] * (1 - g[j] * g[j]);
                dc[now + j] = d * f[j];
                f[j] = d * c[at + j] * f[j] * (1 - f[j]);
                o[j] = dout * tanh_c * o[j] * (1 - o[j]);
                i[j] = di;
                g[j] = dg;
                sum += out * out;
            }
        }
        product_f32(blas, 'N', 'T', batch, n, 4 * n, gates + t * 4 * size, W, 0, dh);
    }
    product_f32(blas, 'T', 'N', m, 4 * n, all, x, gates, 0, dU);
    product_f32(blas, 'T', 'N', n, 4 * n, all, h, gates, 0, dW);
    for (int64_t j = 0; j < 4 * n; j++) db[j] = 0;
    for (int64_t i = 0; i < all; i++)
        for (int64_t j = 0; j < 4 * n; j++) db[j] += gates[i * 4 * n + j];
    *cost = sum;
}

/* Two layers and the cross-entropy; `y` holds the first layer's outputs, `s` the scores. */
void mlp(int64_t batch, int64_t m, int64_t n, int64_t k, gemm *blas, const float *restrict x,
         const int64_t *restrict labels, const float *restrict W1, const float *restrict b1,
         const float *restrict W2, const float *restrict b2, double *restrict cost,
         float *restrict dW1, float *restrict db1, float *restrict dW2, float *restrict db2,
         float *restrict y, float *restrict s, float *restrict d) {
    double sum = 0;
    for (int64_t i = 0; i < batch; i++)
        for (int64_t j = 0; j < n; j++) y[i * n + j] = b1[j];
    product_f32(blas, 'N', 'N', batch, n, m, x, W1, 1, y);
    for (int64_t i = 0; i < batch * n; i++) y[i] = tanhf(y[i]);
    for (int64_t i = 0; i < batch; i++)
        for (int64_t j = 0; j < k; j++) s[i * k + j] = b2[j];
    product_f32(blas, 'N', 'N', batch, k, n, y, W2, 1, s);
    for (int64_t j = 0; j < k; j++) db2[j] = 0;
    for (int64_t i = 0; i < batch; i++) {
        float *row = s + i * k, top = row[0], total = 0;
        for (int64_t j = 0; j < k; j++) top = fmaxf(top, row[j]);
        sum -= row[labels[i]] - top;
        for (int64_t j = 0; j < k; j++) total += row[j] = expf(row[j] - top);
        sum += logf(total);
        for (int64_t j = 0; j < k; j++) row[j] /= total * batch;
        row[labels[i]] -= 1.0f / batch;
        for (int64_t j = 0; j < k; j++) db2[j] += row[j];
    }
    product_f32(blas, 'T', 'N', n, k, batch, y, s, 0, dW2);
    product_f32(blas, 'N', 'T', batch, n, k, s, W2, 0, d);
    for (int64_t j = 0; j < n; j++) db1[j] = 0;
    for (int64_t i = 0; i < batch; i++)
        for (int64_t j = 0; j < n; j++)
            db1[j] += d[i * n + j] *= 1 - y[i * n + j] * y[i * n + j];
    product_f32(blas, 'T', 'N', m, n, batch, x, d, 0, dW1);
    *cost = sum / batch;
}
