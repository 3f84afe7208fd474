/* SPDX-License-Identifier: MIT
 *
 * The readers of pcap and pcapng files: a file of any bytes is read beside libpcap, which has to find the same records (where it
 * may stop sooner: tests/tools/oracle.c); then as a source, with and without a filter, which numbers the same records.
 *
 *     { how u8, the file }     how: filter, batch, whether its lengths are mended (mend.c)
 */
#include "fuzz.h"

#include "capture/source.h"
#include "oracle.h"
#include "shape.h"

enum { ASKED = 3, BATCH_SHIFT = 2, BATCH = 31, MEND = 128 };

/* What a source is asked for. */
static const struct tca_source_settings asked[] = {
    {0},
    {.filter = "tcp and port 80"},
    {.filter = "inbound or vlan"},
    {.has_after = true, .after_ns = 1000000000, .max_records = 5},
};

static uint64_t read_source(const struct fuzz_file *file, const struct tca_source_settings *set)
{
    const struct tca_record *record;
    struct tca_source *src;
    struct tca_error error;
    uint64_t frame = 0;
    int got = tca_source_open(file->path, set, &src, &error);

    if (got < 0)
        return 0;
    while ((got = tca_source_next(src, &record)) > 0)
        for (int at = 0; at < got; at++) {
            FUZZ_REQUIRE(record[at].frame == ++frame, "packet %llu is called %llu", (unsigned long long)frame,
                         (unsigned long long)record[at].frame);
            FUZZ_REQUIRE(record[at].captured <= 256 * 1024, "a record of %u bytes", record[at].captured);
        }
    const struct tca_source_facts *facts = tca_source_facts(src);
    FUZZ_REQUIRE(facts->packets == frame, "%llu packets, %llu are told", (unsigned long long)frame,
                 (unsigned long long)facts->packets);
    FUZZ_REQUIRE(memchr(facts->message, 0, sizeof facts->message), "a message without end");
    FUZZ_REQUIRE((facts->status == TCA_SOURCE_damaged) == (got == TCA_EINPUT), "status %d, code %d",
                 (int)facts->status, got);
    tca_source_close(src);
    return frame;
}

static void make_file(const struct fuzz_bytes *in, bool mended, struct fuzz_file *ret_file)
{
    struct tca_buf copy = {0};

    tca_buf_add(&copy, in->at, in->left);
    if (mended && copy.used)
        shape_mend_file((uint8_t *)copy.bytes, copy.used);
    fuzz_file_make(ret_file, copy.bytes, copy.used);
    tca_buf_done(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct fuzz_bytes in = {bytes, count};
    uint8_t how = fuzz_u8(&in);
    struct fuzz_file file;
    struct oracle told;

    make_file(&in, how & MEND, &file);
    if (oracle_compare(file.path, 1 + (how >> BATCH_SHIFT & BATCH), &told))
        FUZZ_REQUIRE(!told.differ[0], "%s", told.differ);
    read_source(&file, &asked[0]);
    read_source(&file, &asked[how & ASKED]);
    fuzz_file_done(&file);
    return 0;
}
