import { Argument } from "commander";
import type { Command } from "commander";
import type { Session } from "./session.ts";

/** One command with everything that may follow it. */
interface Node {
  /** Words that lead here, without the program's name: `cluster drain`. */
  readonly path: string;
  readonly words: readonly Word[];
}

interface Word {
  readonly word: string;
  readonly description: string;
}

/** Options whose value is the name of a file. */
const FILE_OPTIONS = ["-f", "--filename", "--cert", "--key", "--ca", "--dir", "--socket"];

/** `weir completion bash|zsh|fish` */
export function addCompletion(program: Command, session: Session): void {
  program
    .command("completion")
    .description("print a script that completes commands in your shell")
    .addArgument(new Argument("<shell>").choices(["bash", "zsh", "fish"]))
    .addHelpText(
      "after",
      [
        "",
        "bash: source <(weir completion bash)",
        "zsh:  source <(weir completion zsh)",
        "fish: weir completion fish | source",
      ].join("\n"),
    )
    .action((shell: string) => {
      const nodes = nodesOf(program, "");
      const scripts: Readonly<Record<string, (nodes: readonly Node[]) => string>> = { bash, zsh, fish };
      session.terminal.out(scripts[shell]?.(nodes) ?? "");
    });
}

function nodesOf(command: Command, path: string): readonly Node[] {
  const options = command.options.filter(({ hidden }) => !hidden);
  const words = [
    ...command.commands.map((sub) => ({ word: sub.name(), description: sub.description() })),
    ...options.map(({ long, short, description }) => ({ word: long ?? short ?? "", description })),
  ];
  const inner = command.commands.flatMap((sub) => nodesOf(sub, `${path} ${sub.name()}`.trim()));
  return [{ path, words }, ...inner];
}

function bash(nodes: readonly Node[]): string {
  const cases = nodes.map(({ path, words }) => `    "${path}") words="${words.map(({ word }) => word).join(" ")}" ;;`);
  return `_weir() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} path="" words="" word i
  case "$prev" in
    ${FILE_OPTIONS.join("|")}) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    -o|--output) COMPREPLY=($(compgen -W "table json yaml" -- "$cur")); return ;;
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case "\${path:+$path }$word" in
      ${pathsOf(nodes)}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _weir weir`;
}

function pathsOf(nodes: readonly Node[]): string {
  return nodes
    .filter(({ path }) => path !== "")
    .map(({ path }) => `"${path}"`)
    .join("|");
}

function zsh(nodes: readonly Node[]): string {
  const cases = nodes.map(({ path, words }) => {
    const described = words.map(({ word, description }) =>
      quoted(`${word.replaceAll(":", String.raw`\:`)}:${description}`),
    );
    return `    "${path}") found=(${described.join(" ")}) ;;`;
  });
  return `#compdef weir
_weir() {
  local path_="" word
  local -a found
  case "\${words[CURRENT-1]}" in
    ${FILE_OPTIONS.join("|")}) _files; return ;;
    -o|--output) compadd table json yaml; return ;;
  esac
  for word in \${words[2,CURRENT-1]}; do
    case "\${path_:+$path_ }$word" in
      ${pathsOf(nodes)}) path_="\${path_:+$path_ }$word" ;;
    esac
  done
  case "$path_" in
${cases.join("\n")}
  esac
  _describe 'weir' found
}
compdef _weir weir`;
}

function fish(nodes: readonly Node[]): string {
  const lines = nodes.flatMap(({ path, words }) => {
    const condition = quoted(`__weir_at ${path === "" ? "" : path}`.trim());
    return words.map(({ word, description }) => {
      const what = word.startsWith("--") ? `-l ${word.slice(2)}` : `-a ${word}`;
      return `complete -c weir -n ${condition} ${what} -d ${quoted(description)}`;
    });
  });
  return `set -g __weir_paths ${nodes.map(({ path }) => quoted(path)).join(" ")}
function __weir_at
  set -l path
  for word in (commandline -opc)[2..]
    set -l next (string join ' ' $path $word)
    if contains -- "$next" $__weir_paths
      set path $path $word
    end
  end
  test "$path" = "$argv"
end
complete -c weir -f
${lines.join("\n")}`;
}

/** A text in single quotes, as shells read it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
