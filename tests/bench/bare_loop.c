/* SPDX-License-Identifier: MIT
 *
 * bare_loop CAPTURE...: what every program pays that reads with libpcap, and nothing else. The benchmark's unit, B.
 */
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdio.h>

static bool count(const char *name, uint64_t *packets, uint64_t *sum)
{
    char why[PCAP_ERRBUF_SIZE];
    pcap_t *pcap = pcap_open_offline(name, why);
    struct pcap_pkthdr *header;
    const u_char *bytes;

    if (!pcap) {
        fprintf(stderr, "%s\n", why);
        return false;
    }
    while (pcap_next_ex(pcap, &header, &bytes) == 1) {
        ++*packets;
        *sum += header->caplen;
    }
    pcap_close(pcap);
    return true;
}

int main(int argc, char **argv)
{
    uint64_t packets = 0, sum = 0;

    for (int i = 1; i < argc; i++)
        if (!count(argv[i], &packets, &sum))
            return 2;
    printf("%" PRIu64 " packets, %" PRIu64 " bytes\n", packets, sum);
    return 0;
}
