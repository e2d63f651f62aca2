-- Paths that lead to nothing, none of them twice: what a scanner asks for.
local number = 0

function request()
  number = number + 1
  return wrk.format("GET", "/missing/" .. number .. ".html")
end
