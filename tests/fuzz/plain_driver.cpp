// Runs a fuzz target without libFuzzer: every file of the corpus folders, then a fixed number of
// mutations of them. The same corpus and number give the same inputs on every machine, so a failure
// in the ordinary test run can be repeated by running the test again.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
// Of the sanitizers' runtime, when there is one: their reports do not end in a signal.
#ifdef __clang__  // the name is the sanitizers' own
#pragma clang diagnostic ignored "-Wreserved-identifier"
#endif
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kInputBytesMax = 64 * 1024;
constexpr int kFailed = 77;  // libFuzzer's exit status for a failing input

struct Seed {
  std::string name;
  std::string bytes;
};

/// The input under way, for the report of a failure.
struct Current {
  const std::string* seed = nullptr;
  long mutation = 0;  // 0: the seed as it is
  const std::string* input = nullptr;
  std::string save_to;
} g_current;

void save_current_input() {
  if (g_current.input == nullptr) return;
  const std::string* input = std::exchange(g_current.input, nullptr);
  std::fprintf(stderr, "failed: %s, mutation %ld; the input is in ./%s\n", g_current.seed->c_str(),
               g_current.mutation, g_current.save_to.c_str());
  if (std::FILE* file = std::fopen(g_current.save_to.c_str(), "wb")) {
    std::fwrite(input->data(), 1, input->size(), file);
    std::fclose(file);
  }
}

extern "C" void handle_abort(int) {
  // Not safe in a signal handler in general; here the process was about to end anyway.
  save_current_input();
  ::_exit(kFailed);
}

/// splitmix64: tiny, and the same everywhere.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed) {}
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(next() % bound); }

 private:
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::uint64_t state_;
};

std::uint64_t hash_of(std::string_view bytes) {  // FNV-1a
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

/// What parsers here stumble over: line ends, separators, hazards of UTF-8 and of terminals.
constexpr std::array<std::string_view, 28> kTokens = {
    "\r\n",      "\n",       "\r\n\r\n",  "\r",
    "@",         ":",        ",",         " ",
    ": ",        "[::1]",    "127.0.0.1", "65536",
    "1023",      "\xc3\xa9", "e\xcc\x81", "\xe2\x80\xae",
    "\xc2\x9b",  "\x1b[2J",  "\xc0\x80",  "\xed\xa0\x80",
    "\"",        "\\",       "%0d%0a",    "chunked",
    "0\r\n\r\n", "{",        "}",         "18446744073709551616"};

void mutate(std::string& input, const std::vector<Seed>& seeds, Chance& chance) {
  const std::size_t at = chance.below(input.size() + 1);
  const std::size_t rest = input.size() - at;
  const std::size_t length = rest == 0 ? 0 : 1 + chance.below(std::min<std::size_t>(rest, 32));
  switch (chance.below(9)) {
    case 0:
      if (rest > 0) input[at] = static_cast<char>(input[at] ^ (1 << chance.below(8)));
      break;
    case 1:
      if (rest > 0) input[at] = static_cast<char>(chance.below(256));
      break;
    case 2:
      input.insert(at, 1, static_cast<char>(chance.below(256)));
      break;
    case 3:
      input.erase(at, length);
      break;
    case 4:
      input.insert(chance.below(input.size() + 1), input.substr(at, length));
      break;
    case 5:
      input.insert(at, kTokens[chance.below(kTokens.size())]);
      break;
    case 6:
      input.resize(at);
      break;
    case 7: {  // splice
      const std::string& other = seeds[chance.below(seeds.size())].bytes;
      const std::size_t from = chance.below(other.size() + 1);
      input.replace(at, chance.below(rest + 1), other.substr(from));
      break;
    }
    default:  // one byte many times: what overflows a bound
      if (rest > 0) input.insert(at, chance.below(300), input[at]);
      break;
  }
  if (input.size() > kInputBytesMax) input.resize(kInputBytesMax);
}

void run(const Seed& seed, long mutation, const std::string& input) {
  g_current.seed = &seed.name;
  g_current.mutation = mutation;
  g_current.input = &input;
  // A copy of exactly the input's size, so that a sanitizer sees a read past its end.
  const std::vector<std::uint8_t> exact(input.begin(), input.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
  g_current.input = nullptr;
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "cannot read %s\n", path.c_str());
    std::exit(1);
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<Seed> read_corpus(const std::vector<std::string>& places) {
  std::vector<fs::path> paths;
  for (const std::string& place : places) {
    if (!fs::is_directory(place)) {
      paths.emplace_back(place);
      continue;
    }
    for (const auto& entry : fs::directory_iterator(place))
      if (entry.is_regular_file()) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());  // the order of a folder differs between machines
  std::vector<Seed> seeds;
  for (const fs::path& path : paths) seeds.push_back({path.string(), read_file(path)});
  return seeds;
}

}  // namespace

int main(int argc, char** argv) {
  long runs = 0;
  std::vector<std::string> places;
  for (const std::string& argument : std::vector<std::string>(argv + 1, argv + argc)) {
    if (argument.starts_with("-runs=")) {
      runs = std::atol(argument.c_str() + std::strlen("-runs="));
    } else if (argument.starts_with("-")) {
      std::fprintf(stderr, "usage: %s [-runs=N] FILE_OR_FOLDER...\n", argv[0]);
      return 64;
    } else {
      places.push_back(argument);
    }
  }
  const std::vector<Seed> seeds = read_corpus(places);
  if (seeds.empty()) {
    std::fprintf(stderr, "no input: name a file or a folder that has some\n");
    return 1;
  }

  g_current.save_to = "failed-" + fs::path(argv[0]).filename().string() + ".bin";
  for (const int number : {SIGABRT, SIGSEGV, SIGFPE, SIGBUS, SIGILL})
    if (__sanitizer_set_death_callback == nullptr || number == SIGABRT)
      ::signal(number, handle_abort);
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(save_current_input);

  for (const Seed& seed : seeds) run(seed, 0, seed.bytes);
  for (long i = 1; i <= runs; ++i) {
    const Seed& seed = seeds[static_cast<std::size_t>(i) % seeds.size()];
    Chance chance(hash_of(seed.bytes) + static_cast<std::uint64_t>(i));
    std::string input = seed.bytes;
    for (std::size_t n = 1 + chance.below(6); n > 0; --n) mutate(input, seeds, chance);
    run(seed, i, input);
  }
  std::printf("%zu inputs and %ld mutations: nothing found\n", seeds.size(), runs);
  return 0;
}
