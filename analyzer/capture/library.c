/* SPDX-License-Identifier: MIT
 *
 * Captures with libpcap: the only file that calls its readers.
 *
 *     stream --> libpcap --> record
 *        \--> at each record boundary, a look at what comes next
 *
 * Two things libpcap cannot know are seen at that boundary: another file's header (`cat a.pcap b.pcap`),
 * which it would take for an empty record and then for a broken one, and a tail of zero bytes (disk full,
 * power lost), which it would take for empty records without end.
 *
 * Checked against libpcap 1.10.3: sf-pcap.c.
 */
#include "capture/library.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "capture/link.h"

enum { FILE_HEADER_LEN = 24, RECORD_HEADER_LEN = 16 };

static enum tca_read damaged(struct tca_library *file, const char *what, const char *advice)
{
    snprintf(file->reader.what, sizeof file->reader.what, "%s", what);
    file->reader.advice = advice;
    return TCA_READ_DAMAGED;
}

/* libpcap gave up: why? Of memory it tells in words alone, so errno was 0 before. */
static enum tca_read failed(struct tca_library *file, const char *words)
{
    if (errno == ENOMEM)
        return TCA_READ_MEMORY;
    if (file->reader.stream->error)
        return TCA_READ_FAILED;
    if (file->reader.stream->starved)
        return TCA_READ_CUT;
    return damaged(file, words, "what follows cannot be found");
}

enum tca_read tca_library_begin(struct tca_library *file, struct tca_stream *stream,
                                const struct tca_magic *magic)
{
    char why[PCAP_ERRBUF_SIZE] = "";
    FILE *input;

    *file = (struct tca_library){.reader = {.stream = stream,
                                            .boundary = tca_stream_tell(stream),
                                            .first = {.link = -1, .precision = ""}},
                                 .magic = magic};
    input = tca_stream_file(stream);
    if (!input)
        return TCA_READ_MEMORY;
    errno = 0;
    file->pcap = pcap_fopen_offline_with_tstamp_precision(input, PCAP_TSTAMP_PRECISION_NANO, why);
    if (!file->pcap) {
        enum tca_read because = failed(file, why);
        fclose(input);
        return because;
    }
    file->reader.first = (struct tca_kind){.link = tca_link_of_dlt(pcap_datalink(file->pcap)),
                                           .snaplen = (uint32_t)pcap_snapshot(file->pcap),
                                           .precision = magic->hint};
    file->next = file->reader.boundary + FILE_HEADER_LEN;
    return TCA_READ_OK;
}

/* libpcap took the last 16 bytes for a record without bytes. TCA_READ_OK where they may be one. */
static enum tca_read look_at_empty(struct tca_library *file)
{
    static const uint8_t zeros[RECORD_HEADER_LEN];
    const uint8_t *header = tca_stream_behind(file->reader.stream, RECORD_HEADER_LEN);

    if (!header)
        return TCA_READ_OK;
    if (memcmp(header, zeros, sizeof zeros) == 0)
        return damaged(file, "zero bytes instead of a record", "the disk was full or the power lost");
    file->reader.back = RECORD_HEADER_LEN;
    return tca_magic_is_classic(header) ? TCA_READ_JOINT : TCA_READ_OK;
}

/* libpcap failed: because it met a pcapng section? */
static bool met_section(struct tca_library *file)
{
    const uint8_t *header =
        file->reader.stream->starved ? NULL : tca_stream_behind(file->reader.stream, RECORD_HEADER_LEN);

    file->reader.back = RECORD_HEADER_LEN;
    return header && tca_magic_is_section(header);
}

/* Where the next record begins. What exceeds the snap length libpcap passes over unseen. */
static void move_on(struct tca_library *file, uint32_t captured)
{
    if (captured < file->reader.first.snaplen)
        file->next += file->magic->record_header_len + captured;
    else
        file->next = tca_stream_tell(file->reader.stream);
}

/* libpcap hands on the 32-bit fields as signed; they are unsigned, and last until 2106. */
static int64_t time_ns(const struct timeval *time)
{
    return (int64_t)(uint32_t)time->tv_sec * 1000000000 + (uint32_t)time->tv_usec;
}

enum tca_read tca_library_next(struct tca_library *file, struct tca_batch *batch)
{
    struct pcap_pkthdr *header;
    const u_char *bytes;
    enum tca_read looked = TCA_READ_OK;
    int got;

    errno = 0;
    got = pcap_next_ex(file->pcap, &header, &bytes);
    file->reader.boundary = file->next;
    if (got == PCAP_ERROR_BREAK)
        return TCA_READ_END;
    if (got != 1)
        return met_section(file) ? TCA_READ_JOINT : failed(file, pcap_geterr(file->pcap));
    if (header->caplen == 0 && header->len == 0)
        looked = look_at_empty(file);
    if (looked != TCA_READ_OK)
        return looked;
    move_on(file, header->caplen);
    batch->has_kind = true;
    batch->kind = file->reader.first;
    batch->record[batch->count++] =
        (struct tca_record){.bytes = bytes,
                            .captured = header->caplen < TCA_PACKET_MAX ? header->caplen : TCA_PACKET_MAX,
                            .original = header->len,
                            .time_ns = time_ns(&header->ts),
                            .frame = batch->frame,
                            .link = file->reader.first.link};
    return TCA_READ_OK;
}

void tca_library_done(struct tca_library *file)
{
    if (file->pcap)
        pcap_close(file->pcap);
    file->pcap = NULL;
}
