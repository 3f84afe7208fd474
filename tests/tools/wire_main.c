/* SPDX-License-Identifier: MIT
 *
 * wire WIRE.TXT OUT.PCAP: make a capture from a wire script. OUT.PCAP is `-` for standard output; a name that
 * ends in .pcapng gets that format.
 */
#include "files.h"
#include "wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool ends_in(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static bool write_out(const char *path, const struct tca_buf *out)
{
    if (strcmp(path, "-") != 0)
        return file_write(path, out->bytes, out->used);
    return fwrite(out->bytes, 1, out->used, stdout) == out->used && fflush(stdout) == 0;
}

static int make(const char *script_path, const char *out_path, struct tca_buf *script, struct tca_buf *out)
{
    struct wire wire;
    struct wire_error error;

    if (!file_read(script_path, script)) {
        fprintf(stderr, "wire: %s: %s\n", script_path, strerror(errno));
        return 2;
    }
    if (wire_parse(script_path, script->bytes, script->used, &wire, &error)) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    if (ends_in(out_path, ".pcapng"))
        wire_pcapng(&wire, out);
    else
        wire_pcap(&wire, out);
    wire_done(&wire);
    if (out->failed || !write_out(out_path, out)) {
        fprintf(stderr, "wire: %s: %s\n", out_path, out->failed ? "out of memory" : strerror(errno));
        return 2;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct tca_buf script = {0}, out = {0};

    if (argc != 3) {
        fprintf(stderr, "usage: wire WIRE.TXT OUT.PCAP\n");
        return 2;
    }
    int status = make(argv[1], argv[2], &script, &out);
    tca_buf_done(&script);
    tca_buf_done(&out);
    return status;
}
