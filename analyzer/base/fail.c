/* SPDX-License-Identifier: MIT
 *
 * The one place where an error's fields are set.
 */
#include "base/fail.h"

#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 4, 0))) static void set(struct tca_error *error, int code, int64_t offset,
                                                      const char *format, va_list args)
{
    if (!error)
        return;
    *error = (struct tca_error){.code = code, .offset = offset};
    vsnprintf(error->text, sizeof error->text, format, args);
}

int tca_fail(struct tca_error *error, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set(error, code, -1, format, args);
    va_end(args);
    return code;
}

int tca_fail_at(struct tca_error *error, int code, uint64_t offset, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set(error, code, (int64_t)offset, format, args);
    va_end(args);
    return code;
}

int tca_fail_memory(struct tca_error *error)
{
    return tca_fail(error, TCA_EMEMORY, "out of memory");
}
