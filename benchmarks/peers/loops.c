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
