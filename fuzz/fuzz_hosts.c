/* Any bytes as a hosts file, as what Slurm says of its switches, and as what agents' starters say.
 */
#include "base/hostlist.h"
#include "cli/hosts_option.h"
#include "sched/agent_copy.h"
#include "sched/slurm.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hosts_file(struct arena *arena, struct str text)
{
    struct hostlist list;
    struct err err = {0};
    const char *hosts;
    int64_t slots;
    int r = hosts_read(arena, text, "hosts", &hosts, &slots, &err);

    if (r < 0 && !err.text[0])
        abort();
    if (r == 0 && (slots < 0 || hostlist_expand(arena, str_of(hosts), &list, NULL) < 0))
        abort();
}

static void on_line(void *data, struct str line)
{
    char sentence[64];
    struct str node, words;

    if (line.len > AGENT_LINE_MAX)
        abort();
    if (agent_line_means(line, &node, &words) == SAID_ENDED)
        agent_end_sentence(words, sentence, sizeof(sentence));
    *(size_t *)data += node.len + words.len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"n1", "n2", "x"};
    struct str text = {(const char *)data, size};
    struct arena *arena = arena_new((size_t)256 << 20);
    struct agent_lines lines = {0};
    const char *groups[ARRAY_LEN(names)];
    size_t seen = 0;

    if (!arena)
        abort();
    hosts_file(arena, text);
    (void)slurm_topology(arena, text, names, ARRAY_LEN(names), groups);
    agent_lines_take(&lines, text, on_line, &seen);
    arena_free(arena);
    return 0;
}
