/* Small matrices: loops of a length that the compiler knows, which it unrolls. */
#define SMALL 8
#define UNROLLED _Pragma("GCC unroll 8")
#define INLINED static inline __attribute__((always_inline))

/* statements for an extent from 1 to SMALL, which they see as a constant N */
#define GC_EACH_SMALL(extent, ...)                                                                 \
    switch (extent) {                                                                              \
    case 1: { enum { N = 1 }; __VA_ARGS__; } break;                                                \
    case 2: { enum { N = 2 }; __VA_ARGS__; } break;                                                \
    case 3: { enum { N = 3 }; __VA_ARGS__; } break;                                                \
    case 4: { enum { N = 4 }; __VA_ARGS__; } break;                                                \
    case 5: { enum { N = 5 }; __VA_ARGS__; } break;                                                \
    case 6: { enum { N = 6 }; __VA_ARGS__; } break;                                                \
    case 7: { enum { N = 7 }; __VA_ARGS__; } break;                                                \
    default: { enum { N = SMALL }; __VA_ARGS__; }                                                  \
    }
