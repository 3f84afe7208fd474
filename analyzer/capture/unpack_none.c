/* SPDX-License-Identifier: MIT
 *
 * Unpacking in a build without libarchive: what it is, and what to do.
 */
#include "base/fail.h"
#include "capture/magic.h"
#include "capture/unpack.h"

bool tca_unpack_is_there(void)
{
    return false;
}

const char *tca_unpack_library(void)
{
    return "";
}

int tca_unpack_open(struct tca_stream *packed, const char *format, struct tca_expansion *limit,
                    const volatile sig_atomic_t *stop, struct tca_unpack **ret, struct tca_error *err)
{
    (void)packed, (void)limit, (void)stop, (void)ret;
    return tca_fail(err, TCA_EUNSUPPORTED, "%s: this program was built without libarchive", format);
}

void tca_unpack_close(struct tca_unpack *unpack)
{
    (void)unpack;
}

int tca_unpack_next(struct tca_unpack *unpack, struct tca_member *ret_member, struct tca_error *err)
{
    (void)unpack, (void)ret_member, (void)err;
    return 0;
}

size_t tca_unpack_read(struct tca_unpack *unpack, uint8_t *into, size_t want, int *ret_error, bool *ret_cut,
                       const char **ret_words)
{
    (void)unpack, (void)into, (void)want;
    *ret_error = 0;
    *ret_cut = false;
    *ret_words = NULL;
    return 0;
}
