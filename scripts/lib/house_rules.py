"""House rules that a compiler cannot hold. Prints `file:line: rule: what to do`; exits 1 on any."""

import os
import re
import subprocess
import sys
import tempfile

MAXIMUM_LINES = {"Sources": 400, "Tests": 600}

# Folders of Sources/PGPool from left to right: a folder must not mention what is declared to its left.
ORDER = ["Client", "Failover", "Pool", "Connection", "Query"]
# What everyone may name: configuration, errors and the handle that closures get.
COMMON = {"ConnectionPool", "Configuration", "PoolError", "PostgresConnection", "Secret", "Acquire",
          "Opening", "Lifetime", "Upkeep", "Code", "Phase", "ConnectFailure", "Holder", "Known",
          "State", "Kind", "Entry", "Reactor"}

PROOF = re.compile(r"@unchecked Sendable|nonisolated\(unsafe\)|unsafeBitCast")

# (where, pattern, rule, what to do)
BANS = [
    ("Sources/", r"\bfatalError\(|\btry!|\bas! |\bpreconditionFailure\(",
     "trap", "throw a typed error instead"),
    ("Sources/", r"\bFIXME\b|\bTODO\b(?!\(#\d+\))", "leftover", "do it, or name an issue: TODO(#12)"),
    ("Tests/", r"\.disabled\((?!if:)|withKnownIssue|XCTSkip", "skipped test", "mend it or remove it"),
    ("Tests/", r"Task\.sleep|usleep\(|Thread\.sleep", "sleep in a test", "wait for a condition"),
    ("Sources/PGPoolCore/", r"\bTask\b|\bawait\b|\basync\b|\.now\b|\.random\((?!in: [^)]*using:)|\bprint\(",
     "impure core", "hand in time and randomness; leave I/O to the pool"),
]


def code_of(line):
    """The line without its comment and the text of its strings."""
    return re.sub(r'"(?:[^"\\]|\\.)*"', '""', line).split("//")[0]


def swift_files(root):
    listed = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard", "*.swift"],
                            capture_output=True, text=True, check=True).stdout.split()
    return [f for f in listed if os.path.exists(os.path.join(root, f))]


def check_bans(path, lines, report):
    for where, pattern, rule, advice in BANS:
        if not path.startswith(where):
            continue
        for number, line in enumerate(lines, 1):
            text = line if rule == "leftover" else code_of(line)
            if rule == "sleep in a test" and "Proof" in "".join(lines[max(0, number - 3):number]):
                continue
            joined = "".join(code_of(l) for l in lines[number - 1:number + 3])
            if re.search(pattern, text) and not ("random" in text and "using:" in joined):
                report(path, number, rule, advice)


def check_imports(path, lines, report):
    for number, line in enumerate(lines, 1):
        found = re.match(r"\s*(?:@\w+ )*(public |internal |package )?import (?:\w+ )?(\w+)", line)
        if not found:
            continue
        access, module = found.groups()
        if module == "CLibPQ":
            inside = path.startswith("Sources/PGPool/Connection/")
            baseline = path.startswith("Sources/pool-bench/") and "Baseline" in path
            if path.startswith("Sources/") and not ((inside or baseline) and access == "internal "):
                report(path, number, "libpq", "only Connection/ says `internal import CLibPQ`")
        if path.startswith("Sources/PGPoolCore/") and module not in ("HeapModule", "DequeModule"):
            report(path, number, "core import", "the core imports nothing but collections")
        # Where there is no FoundationEssentials (macOS), Foundation stands in for it.
        stands_in = module == "Foundation" and number > 3 and lines[number - 2] == "#else" \
            and lines[number - 4] == "#if canImport(FoundationEssentials)"
        if path.startswith("Sources/PGPool/") and not stands_in and module in (
                "PGPoolTesting", "PGPoolMetrics", "ArgumentParser", "Foundation", "Dispatch"):
            report(path, number, "direction", f"PGPool must not import {module}")


def check_proofs(path, lines, report):
    if not path.startswith("Sources/"):
        return
    for number, line in enumerate(lines, 1):
        if PROOF.search(code_of(line)):
            near = "\n".join(lines[max(0, number - 4):number + 1])
            if "Proof" not in near:
                report(path, number, "no proof", "say why it is safe: // Proof: …")


def check_length(path, lines, report):
    limit = MAXIMUM_LINES.get(path.split("/")[0])
    if limit and len(lines) > limit:
        report(path, len(lines), "long file", f"over {limit} lines: which two purposes has it?")


def check_folders(files, read, report):
    declared = {}
    for path in files:
        parts = path.split("/")
        if path.startswith("Sources/PGPool/") and parts[2] in ORDER:
            for line in read(path):
                found = re.match(r"^(?:public |package |internal )?(?:final )?"
                                 r"(?:class|struct|enum|actor|protocol) (\w+)", line)
                if found and found.group(1) not in COMMON:
                    declared[found.group(1)] = ORDER.index(parts[2])
    for path in files:
        parts = path.split("/")
        if not path.startswith("Sources/PGPool/") or parts[2] not in ORDER:
            continue
        place = ORDER.index(parts[2])
        for number, line in enumerate(read(path), 1):
            for name in set(re.findall(r"\b[A-Z]\w+", code_of(line))):
                if declared.get(name, len(ORDER)) < place:
                    report(path, number, "direction",
                           f"{parts[2]} must not name {name} of {ORDER[declared[name]]}")


def check_links(root, report):
    listed = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard", "*.md"],
                            capture_output=True, text=True, check=True).stdout.split()
    for path in listed:
        with open(os.path.join(root, path), encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                for target in re.findall(r"\]\(([^)#]+)[^)]*\)", line):
                    if "://" in target:
                        continue
                    if not os.path.exists(os.path.join(root, os.path.dirname(path), target)):
                        report(path, number, "dead link", f"{target} does not exist")


def bare(text):
    """Code without comments and white space, to be compared however it is wrapped."""
    return "".join("".join(re.sub(r"(^|\s)//.*", "", line) for line in text).split())


def examples(path, lines):
    """The blocks of Swift in a page, or in the documentation comments of a source file.

    Yields the line of each and its pieces: between them, where there is an empty line or `…`,
    anything may stand. A block behind `<!-- not run: why -->` is left out.
    """
    start, block, previous = None, [], ""
    for number, line in enumerate(lines, 1):
        if path.endswith(".swift"):
            found = re.match(r"\s*/// ?(.*)", line)
            line = found.group(1) if found else ""
        if start is None:
            if line.strip() == "```swift" and not previous.startswith("<!-- not run:"):
                start, block = number, []
            elif line.strip():
                previous = line.strip()
        elif line.strip() == "```":
            pieces = re.split(r"…|\n\s*\n", "\n".join(block))
            yield start, [piece for piece in (bare(p.split("\n")) for p in pieces) if piece]
            start, previous = None, ""
        else:
            block.append(line)


def holds(source, pieces):
    place = 0
    for piece in pieces:
        place = source.find(piece, place)
        if place < 0:
            return False
        place += len(piece)
    return True


def check_examples(root, files, read, report):
    """What the documentation shows has to stand in a test, which compiles and runs it."""
    pages = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard", "*.md"],
                           capture_output=True, text=True, check=True).stdout.split()
    pages = [p for p in pages if p == "README.md" or p.startswith(("docs/", "Sources/"))]
    tests = [bare(read(path)) for path in files if path.startswith("Tests/")]
    for path in pages + [path for path in files if path.startswith("Sources/PGPool")]:
        for number, pieces in examples(path, read(path)):
            if not any(holds(test, pieces) for test in tests):
                report(path, number, "example", "no test runs these lines: put them into one")


def check(root):
    problems = []

    def report(path, number, rule, advice):
        problems.append(f"{path}:{number}: {rule}: {advice}")

    cache = {}

    def read(path):
        if path not in cache:
            with open(os.path.join(root, path), encoding="utf-8") as file:
                cache[path] = file.read().split("\n")
        return cache[path]

    files = swift_files(root)
    for path in files:
        lines = read(path)
        for rule in (check_bans, check_imports, check_proofs, check_length):
            rule(path, lines, report)
    check_folders(files, read, report)
    check_links(root, report)
    check_examples(root, files, read, report)
    return problems


def self_test():
    """Each rule must find what it is for, in files made for the purpose."""
    bad = {
        "Sources/PGPool/Pool/A.swift": ("func a() { fatalError(\"x\") }\n", "trap"),
        "Sources/PGPool/Pool/B.swift": ("internal import CLibPQ\n", "libpq"),
        "Sources/PGPoolCore/C.swift": ("let x = Clock.now\n", "impure core"),
        "Sources/PGPoolCore/D.swift": ("import Foundation\n", "core import"),
        "Sources/PGPool/Query/Foundation.swift": ("import Foundation\n", "direction"),
        "Sources/PGPool/Query/E.swift": ("let x: Pump\n", "direction"),
        "Sources/PGPool/Pool/Pump.swift": ("struct Pump {}\n// TODO later\n", "leftover"),
        "Sources/PGPool/Pool/F.swift": ("struct F: @unchecked Sendable {}\n", "no proof"),
        "Sources/PGPool/Pool/G.swift": ("\n" * 401, "long file"),
        "Tests/T/H.swift": ("try await Task.sleep(for: x)\n", "sleep in a test"),
        "I.md": ("[a](nowhere.md)\n", "dead link"),
        "docs/J.md": ("```swift\nlet x = 1\n```\n", "example"),
        "Sources/PGPool/Pool/K.swift": ("/// ```swift\n/// let x = 2\n/// ```\n", "example"),
    }
    with tempfile.TemporaryDirectory() as root:
        subprocess.run(["git", "init", "-q", root], check=True)
        for path, (text, _) in bad.items():
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        problems = check(root)
    missed = [path for path, (_, rule) in bad.items()
              if not any(p.startswith(path + ":") and rule in p for p in problems)]
    for path in missed:
        print(f"house rules: the self-test's {path} was not found at fault")
    return not missed


if __name__ == "__main__":
    if "--self-test" in sys.argv:
        sys.exit(0 if self_test() else 1)
    found = check(os.getcwd())
    print("\n".join(found), end="\n" if found else "")
    sys.exit(1 if found else 0)
