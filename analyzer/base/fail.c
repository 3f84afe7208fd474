/* SPDX-License-Identifier: MIT
 *
 * The one place where an error's fields are set.
 */
#include "base/fail.h"

#include <stdarg.h>
#include <stdio.h>

int tca_fail(struct tca_error *error, int code, const char *format, ...)
{
    if (!error)
        return code;
    va_list args;
    *error = (struct tca_error){.code = code, .offset = -1};
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    return code;
}

int tca_fail_memory(struct tca_error *error)
{
    return tca_fail(error, TCA_EMEMORY, "out of memory");
}
