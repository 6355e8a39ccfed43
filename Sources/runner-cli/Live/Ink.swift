/// Colours of a terminal: of the sixteen that people choose themselves, those that can be read on
/// light and on dark ground, so neither white nor yellow.
struct Ink: Sendable {
    enum Colour: String, Sendable {
        case good = "32"
        case bad = "31"
        case odd = "35"
        case strong = "1"
        case faint = "2"
    }

    /// Whether colours are used at all; else every text stays as it is.
    let isOn: Bool

    func callAsFunction(_ colour: Colour?, _ text: String) -> String {
        guard isOn, let colour, !text.isEmpty else { return text }
        return "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m"
    }
}
