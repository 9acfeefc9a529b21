/* token/counting - see counting.h. */
#include "token/counting.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#define BLOCK_BYTES ((size_t)16 << 20)
#define THREADS_MAX 64

struct block {
    struct buf text;
    struct wordcount count;
    bool digits_apart;
    pthread_t thread;
};

static size_t thread_count(const struct tokenizer_training *training)
{
    cpu_set_t cpus;
    size_t count = training->threads;

    if (!count && sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
        count = (size_t)CPU_COUNT(&cpus);
    return !count ? 1 : count < THREADS_MAX ? count : THREADS_MAX;
}

/* As many pieces as a block holds. Returns 1, 0 when there is none, or a negative errno. */
static int next_block(const struct tokenizer_training *training, struct block *block,
                      struct err *err)
{
    int r = 1;

    buf_clear(&block->text);
    while (r > 0 && block->text.len < BLOCK_BYTES)
        r = training->next(training->arg, &block->text, err);
    return r < 0 ? r : block->text.len > 0;
}

static void *count_block(void *arg)
{
    struct block *block = arg;

    block->count.digits_apart = block->digits_apart;
    wordcount_add(&block->count, (struct str){block->text.p, block->text.len});
    return NULL;
}

/* Counts the blocks, one a thread, and adds them up in their order. */
static int count_blocks(struct block *blocks, size_t count, struct wordcount *sum, struct err *err)
{
    size_t started = 0;
    int r = 0;

    while (started < count && r == 0) {
        r = -pthread_create(&blocks[started].thread, NULL, count_block, &blocks[started]);
        started += r == 0;
    }
    for (size_t i = 0; i < started; i++)
        (void)pthread_join(blocks[i].thread, NULL);
    for (size_t i = 0; i < count; i++) {
        if (r == 0)
            wordcount_merge(sum, &blocks[i].count);
        wordcount_done(&blocks[i].count);
    }
    if (r < 0)
        return err_set(err, r, "no thread to count words: %s", strerror(-r));
    return sum->failed ? err_set(err, -ENOMEM, "no memory for the words") : 0;
}

int count_words(const struct tokenizer_training *training, struct wordcount *count, struct err *err)
{
    size_t threads = thread_count(training);
    struct block *blocks = calloc(threads, sizeof(*blocks));
    int r = blocks ? 1 : err_set(err, -ENOMEM, "no memory for %zu threads", threads);

    for (size_t i = 0; blocks && i < threads; i++)
        blocks[i].digits_apart = training->split_digits;
    while (r > 0) {
        size_t filled;
        int failed;

        for (filled = 0; filled < threads; filled++)
            if ((r = next_block(training, &blocks[filled], err)) <= 0)
                break;
        failed = r < 0 ? r : count_blocks(blocks, filled, count, err);
        r = failed < 0 ? failed : r;
    }
    for (size_t i = 0; blocks && i < threads; i++)
        buf_done(&blocks[i].text);
    free(blocks);
    return r == 0 && !count->words.count ? err_set(err, -ENODATA, "there is no text to learn from")
                                         : r;
}
