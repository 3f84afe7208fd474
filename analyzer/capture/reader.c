/* SPDX-License-Identifier: MIT
 *
 * What all readers do alike: meet the end of the stream.
 */
#include "capture/reader.h"

#include <errno.h>

enum tca_read tca_reader_more(struct tca_reader *reader, size_t want)
{
    struct tca_stream *stream = reader->stream;
    const uint8_t *bytes;
    size_t have = tca_stream_peek(stream, want, &bytes);

    if (have == want)
        return TCA_READ_OK;
    reader->boundary = tca_stream_tell(stream);
    tca_stream_skip(stream, have);
    if (stream->error)
        return stream->error == ENOMEM ? TCA_READ_MEMORY : TCA_READ_FAILED;
    return have == 0 ? TCA_READ_END : TCA_READ_CUT;
}
