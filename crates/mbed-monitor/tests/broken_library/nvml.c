/* A management library of two cards that is broken in the way that is defined when it is built. */

#define SUCCESS 0
#define INSUFFICIENT_SIZE 7
#define DRIVER_NOT_LOADED 9
#define GPU_IS_LOST 15
#define UNKNOWN 999
#define ALL_ONES 0xFFFFFFFFu

typedef unsigned int uint;
typedef unsigned long long ulong;
struct memory { uint version; ulong total, reserved, free, used; };
struct rates { uint gpu, memory; };
struct process { uint pid; ulong used; uint instance, compute; };

#ifdef FAILING
#define ANSWER UNKNOWN
#else
#define ANSWER SUCCESS
#endif

#ifdef GARBAGE
#define FIGURE(good) ALL_ONES
#else
#define FIGURE(good) (good)
#endif

#ifdef NO_DRIVER
int nvmlInit_v2(void) { return DRIVER_NOT_LOADED; }
#elif defined STRANGE_CODE
int nvmlInit_v2(void) { return -12345; }
#elif !defined EMPTY
int nvmlInit_v2(void) { return SUCCESS; }
#endif

#ifndef NO_SHUTDOWN
int nvmlShutdown(void) { return SUCCESS; }
#endif

#ifdef NO_COUNT
int nvmlDeviceGetCount_v2(uint *count) { (void)count; return UNKNOWN; }
#elif defined MANY
int nvmlDeviceGetCount_v2(uint *count) { *count = ALL_ONES; return SUCCESS; }
#else
int nvmlDeviceGetCount_v2(uint *count) { *count = 2; return SUCCESS; }
#endif

int nvmlDeviceGetHandleByIndex_v2(uint index, void **card) {
#ifdef LOST
    if (index == 1) return GPU_IS_LOST;
#endif
    static char cards[2];
    *card = &cards[index];
    return SUCCESS;
}

#ifndef BARE
int nvmlDeviceGetName(void *card, char *name, uint length) {
    (void)card, (void)length;
    name[0] = 'A', name[1] = FIGURE('B'), name[2] = 0;
    return ANSWER;
}

int nvmlDeviceGetUUID(void *card, char *uuid, uint length) {
    (void)card, (void)length;
    uuid[0] = 'U', uuid[1] = FIGURE('1'), uuid[2] = 0;
    return ANSWER;
}

int nvmlDeviceGetMemoryInfo_v2(void *card, struct memory *memory) {
    (void)card;
    memory->total = 1000, memory->used = FIGURE(400), memory->free = FIGURE(500), memory->reserved = FIGURE(100);
    return ANSWER;
}

int nvmlDeviceGetUtilizationRates(void *card, struct rates *rates) {
    (void)card;
    rates->gpu = FIGURE(50), rates->memory = 0;
    return ANSWER;
}

int nvmlDeviceGetTemperature(void *card, int sensor, uint *celsius) {
    (void)card, (void)sensor;
    *celsius = FIGURE(60);
    return ANSWER;
}

int nvmlDeviceGetPowerUsage(void *card, uint *milliwatts) {
    (void)card;
    *milliwatts = FIGURE(70000);
    return ANSWER;
}

int nvmlDeviceGetEnforcedPowerLimit(void *card, uint *milliwatts) {
    (void)card;
    *milliwatts = FIGURE(80000);
    return ANSWER;
}

int nvmlDeviceGetClockInfo(void *card, int clock, uint *mhz) {
    (void)card, (void)clock;
    *mhz = FIGURE(1500);
    return ANSWER;
}

int nvmlDeviceGetCurrentClocksThrottleReasons(void *card, ulong *reasons) {
    (void)card;
    /* SW_THERMAL_SLOWDOWN */
    *reasons = FIGURE(0x20);
    return ANSWER;
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *card, uint *count, struct process *processes) {
    (void)card;
#ifdef FAILING
    return UNKNOWN;
#endif
    if (*count == 0) {
        *count = FIGURE(1);
        return INSUFFICIENT_SIZE;
    }
    *count = 1;
    processes[0] = (struct process){ .pid = 7, .used = 300 };
    return SUCCESS;
}
#endif
