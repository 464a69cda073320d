#include "f.h"
#define N 20000
#define K(name) void k_##name(const double*restrict x,double*restrict y){_Pragma("omp simd") for(long i=0;i<N;i++) y[i]=name(x[i]);}
#define KF(name) void k_##name(const float*restrict x,float*restrict y){_Pragma("omp simd") for(long i=0;i<N;i++) y[i]=name(x[i]);}
