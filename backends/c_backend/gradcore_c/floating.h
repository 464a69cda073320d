/* The floating-point control of a thread: whether subnormal numbers are taken for zero. */
#ifndef GRADCORE_FLOATING
#define GRADCORE_FLOATING 1
#include <stdint.h>

#if defined(__x86_64__)
#define GC_FLUSH 0x8040 /* of MXCSR: results (FTZ) and operands (DAZ) */
static inline uint64_t gc_control(void) { return __builtin_ia32_stmxcsr(); }
static inline void gc_set_control(uint64_t word) { __builtin_ia32_ldmxcsr((uint32_t)word); }
#elif defined(__aarch64__)
#define GC_FLUSH (1 << 24) /* of FPCR: FZ */
static inline uint64_t gc_control(void)
{
    uint64_t word;
    __asm__ volatile("mrs %0, fpcr" : "=r"(word));
    return word;
}
static inline void gc_set_control(uint64_t word)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(word));
}
#else
#define GC_FLUSH 0
static inline uint64_t gc_control(void) { return 0; }
static inline void gc_set_control(uint64_t word) { (void)word; }
#endif

#endif
