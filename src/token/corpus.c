/* token/corpus - see corpus.h. */
#include "token/corpus.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES ((size_t)16 << 20)
#define THREADS_MAX 64

struct block {
    char *text;
    size_t len;
    struct wordcount count;
    bool digits_apart;
    pthread_t thread;
};

struct corpus {
    const struct tokenizer_training *training;
    const char *const *paths;
    size_t path_count, at; /* at: which file is open */
    int fd;                /* -1: none */
    uint64_t left;         /* of the open file */
    uint64_t bytes, read;  /* of all files, what is to be read */
    double share;          /* of each file */
    char rest[BLOCK_BYTES];
    size_t rest_len; /* behind the last newline of the block before */
    struct err *err;
};

static size_t thread_count(const struct tokenizer_training *training)
{
    cpu_set_t cpus;
    size_t count = training->threads;

    if (!count && sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
        count = (size_t)CPU_COUNT(&cpus);
    return !count ? 1 : count < THREADS_MAX ? count : THREADS_MAX;
}

static int measure(struct corpus *corpus)
{
    uint64_t bytes = 0, bytes_max = corpus->training->text_bytes_max;
    struct stat st;

    for (size_t i = 0; i < corpus->path_count; i++) {
        if (stat(corpus->paths[i], &st) < 0)
            return err_set(corpus->err, -errno, "%s: %s", corpus->paths[i], strerror(errno));
        if (!S_ISREG(st.st_mode))
            return err_set(corpus->err, -EINVAL, "%s: no file", corpus->paths[i]);
        bytes += (uint64_t)st.st_size;
    }
    corpus->share = bytes_max && bytes_max < bytes ? (double)bytes_max / (double)bytes : 1;
    corpus->bytes = (uint64_t)((double)bytes * corpus->share);
    return 0;
}

static int open_next(struct corpus *corpus)
{
    const char *path = corpus->paths[corpus->at];
    struct stat st;

    corpus->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (corpus->fd < 0 || fstat(corpus->fd, &st) < 0)
        return err_set(corpus->err, -errno, "%s: %s", path, strerror(errno));
    corpus->left = corpus->share < 1 ? (uint64_t)((double)st.st_size * corpus->share) : UINT64_MAX;
    return 0;
}

/* Reads into block->text until it is full or the file ends. */
static int fill(struct corpus *corpus, struct block *block, bool *ended)
{
    *ended = false;
    while (block->len < BLOCK_BYTES) {
        size_t want = BLOCK_BYTES - block->len;
        ssize_t n;

        if (want > corpus->left)
            want = (size_t)corpus->left;
        n = want ? read(corpus->fd, block->text + block->len, want) : 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(corpus->err, -errno, "%s: %s", corpus->paths[corpus->at],
                           strerror(errno));
        if (n == 0) {
            *ended = true;
            return 0;
        }
        block->len += (size_t)n;
        corpus->left -= (uint64_t)n;
        corpus->read += (uint64_t)n;
    }
    return 0;
}

/* The next block ends at a file's end or, if it has one, behind a newline. Returns 1, 0 when there
 * is none, or a negative errno. */
static int next_block(struct corpus *corpus, struct block *block)
{
    const char *newline;
    bool ended;
    int r = 0;

    if (corpus->fd < 0 && corpus->at == corpus->path_count)
        return 0;
    if (corpus->fd < 0)
        r = open_next(corpus);
    if (r < 0)
        return r;
    memcpy(block->text, corpus->rest, corpus->rest_len);
    block->len = corpus->rest_len;
    corpus->rest_len = 0;
    r = fill(corpus, block, &ended);
    if (r < 0)
        return r;
    if (ended) {
        (void)close(corpus->fd);
        corpus->fd = -1;
        corpus->at++;
        return 1;
    }
    newline = memrchr(block->text, '\n', block->len);
    if (newline) {
        size_t kept = (size_t)(newline + 1 - block->text);

        corpus->rest_len = block->len - kept;
        memcpy(corpus->rest, block->text + kept, corpus->rest_len);
        block->len = kept;
    }
    return 1;
}

static void *count_block(void *arg)
{
    struct block *block = arg;

    block->count.digits_apart = block->digits_apart;
    wordcount_add(&block->count, (struct str){block->text, block->len});
    return NULL;
}

/* Counts the blocks, one a thread, and adds them up in their order. */
static int count_blocks(struct corpus *corpus, struct block *blocks, size_t count,
                        struct wordcount *sum)
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
        return err_set(corpus->err, r, "no thread to count words: %s", strerror(-r));
    return sum->failed ? err_set(corpus->err, -ENOMEM, "no memory for the words") : 0;
}

static int count_all(struct corpus *corpus, struct block *blocks, size_t threads,
                     struct wordcount *sum)
{
    const struct tokenizer_training *training = corpus->training;
    int r = 1;

    while (r > 0) {
        size_t count = 0;

        while (count < threads && (r = next_block(corpus, &blocks[count])) > 0)
            count++;
        if (r < 0)
            return r;
        if (count && (r = count_blocks(corpus, blocks, count, sum)) == 0)
            r = 1;
        else if (count)
            return r;
        if (training->progress && corpus->bytes)
            training->progress(training->arg, "reading",
                               (double)corpus->read / (double)corpus->bytes);
    }
    return 0;
}

int corpus_count(const struct tokenizer_training *training, const char *const *paths,
                 size_t paths_count, struct wordcount *count, struct err *err)
{
    size_t threads = thread_count(training);
    struct corpus *corpus = calloc(1, sizeof(*corpus));
    struct block *blocks = calloc(threads, sizeof(*blocks));
    int r = corpus && blocks ? 0 : -ENOMEM;

    for (size_t i = 0; i < threads && r == 0; i++) {
        blocks[i].digits_apart = training->split_digits;
        blocks[i].text = malloc(BLOCK_BYTES);
        if (!blocks[i].text)
            r = -ENOMEM;
    }
    if (r < 0) {
        (void)err_set(err, r, "no memory for %zu threads", threads);
    } else {
        corpus->training = training;
        corpus->paths = paths;
        corpus->path_count = paths_count;
        corpus->fd = -1;
        corpus->err = err;
        r = measure(corpus);
        if (r == 0)
            r = count_all(corpus, blocks, threads, count);
        if (corpus->fd >= 0)
            (void)close(corpus->fd);
    }
    for (size_t i = 0; blocks && i < threads; i++)
        free(blocks[i].text);
    free(blocks);
    free(corpus);
    return r;
}
