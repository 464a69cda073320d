"""Words of C and C++, and names of C's library, which cannot be names of what is exported."""

import re

# fmt: off
C_WORDS = frozenset((
    "alignas", "alignof", "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break",
    "case", "catch", "char", "class", "compl", "concept", "const", "const_cast", "consteval",
    "constexpr", "constinit", "continue", "co_await", "co_return", "co_yield", "decltype",
    "default", "delete", "do", "double", "dynamic_cast", "else", "enum", "explicit", "export",
    "extern", "false", "float", "for", "friend", "goto", "if", "inline", "int", "linux", "long",
    "main", "mutable", "namespace", "new", "noexcept", "not", "not_eq", "nullptr", "operator",
    "or", "or_eq", "private", "protected", "public", "register", "reinterpret_cast", "requires",
    "restrict", "return", "short", "signed", "sizeof", "static", "static_assert", "static_cast",
    "struct", "switch", "template", "this", "thread_local", "throw", "true", "try", "typedef",
    "typeid", "typename", "typeof", "union", "unix", "unsigned", "using", "virtual", "void",
    "volatile", "wchar_t", "while", "xor", "xor_eq",
))
# fmt: on
"""Of C11, C23 and C++23, and what compilers define."""

# fmt: off
_MATH = (
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "ceil", "copysign", "cos",
    "cosh", "drem", "erf", "erfc", "exp", "exp2", "expm1", "fabs", "fdim", "finite", "floor", "fma",
    "fmax", "fmin", "fmod", "frexp", "gamma", "hypot", "ilogb", "isinf", "isnan", "j0", "j1", "jn",
    "ldexp", "lgamma", "llrint", "llround", "log", "log10", "log1p", "log2", "logb", "lrint",
    "lround", "modf", "nan", "nearbyint", "nextafter", "nexttoward", "pow", "remainder", "remquo",
    "rint", "round", "scalb", "scalbln", "scalbn", "significand", "sin", "sinh", "sqrt", "tan",
    "tanh", "tgamma", "trunc", "y0", "y1", "yn",
)
C_FUNCTIONS = frozenset((
    *(f"{name}{suffix}" for name in _MATH for suffix in ("", "f", "l")),
    # <math.h>: macros with arguments
    "fpclassify", "isfinite", "isgreater", "isgreaterequal", "isless", "islessequal",
    "islessgreater", "isnormal", "isunordered", "signbit", "signgam",
    # <stdlib.h>
    "abort", "abs", "aligned_alloc", "alloca", "at_quick_exit", "atexit", "atof", "atoi", "atol",
    "atoll", "bsearch", "calloc", "div", "ecvt", "exit", "fcvt", "free", "gcvt", "getenv",
    "initstate", "labs", "ldiv", "llabs", "lldiv", "malloc", "mblen", "mbstowcs", "mbtowc",
    "putenv", "qsort", "quick_exit", "rand", "rand_r", "random", "realloc", "realpath", "select",
    "setenv", "setstate", "srand", "srandom", "strtod", "strtof", "strtol", "strtold", "strtoll",
    "strtoul", "strtoull", "system", "unsetenv", "valloc", "wcstombs", "wctomb",
    # <string.h>
    "bcmp", "bcopy", "bzero", "ffs", "index", "memccpy", "memchr", "memcmp", "memcpy", "memmove",
    "memset", "rindex", "stpcpy", "stpncpy", "strcasecmp", "strcat", "strchr", "strcmp", "strcoll",
    "strcpy", "strcspn", "strdup", "strerror", "strlen", "strncat", "strncmp", "strncpy", "strndup",
    "strnlen", "strpbrk", "strrchr", "strsep", "strsignal", "strspn", "strstr", "strtok", "strxfrm",
    # <stdio.h>
    "clearerr", "fclose", "feof", "ferror", "fflush", "fgetc", "fgetpos", "fgets", "fopen",
    "fprintf", "fputc", "fputs", "fread", "freopen", "fscanf", "fseek", "fsetpos", "ftell",
    "fwrite", "getc", "getchar", "gets", "perror", "printf", "putc", "putchar", "puts", "remove",
    "rename", "rewind", "scanf", "setbuf", "setvbuf", "snprintf", "sprintf", "sscanf", "tmpfile",
    "tmpnam", "ungetc", "vfprintf", "vfscanf", "vprintf", "vscanf", "vsnprintf", "vsprintf",
    "vsscanf",
))
# fmt: on
"""Of the headers that exported source includes, of POSIX too, and of <stdio.h>."""

C_MACROS = re.compile(
    r"u?int((_least|_fast)?\d+|ptr|max)_t|size_t|math_errhandling|std(in|out|err)"
    r"|NULL|NAN|INFINITY|EOF|BUFSIZ|HUGE_VAL[FL]?|[A-Z]+_ENDIAN|(FP|M|EXIT|SEEK|MATH)(_[A-Z0-9]+)+"
    r"|(RAND|FOPEN|FILENAME|TMP|MB_CUR)_MAX"
    r"|(U?INT\w*|SIZE|PTRDIFF|WCHAR|WINT|SIG_ATOMIC)_(MIN|MAX)"
)
"""Types and macros of these headers."""
