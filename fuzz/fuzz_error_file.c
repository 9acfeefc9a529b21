/* What a rank may write into its error file, what the kernel's log and /proc/net/tcp may say. */
#include "ranks/last_words.h"
#include "ranks/oom.h"
#include "ranks/peers.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size}, rest = text, line;
    struct arena *arena = arena_new((size_t)1 << 20);
    uint16_t port;
    uint64_t inode;

    if (!arena || last_words_error_file(arena, text, 100).len > 100 || oom_victim(text) < 0)
        abort();
    (void)oom_count(text);
    while (str_line(&rest, &line))
        if (peers_line(line, &port, &inode) && !inode)
            abort();
    arena_free(arena);
    return 0;
}
